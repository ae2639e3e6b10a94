#!/usr/bin/env python3
"""Compares ways to find alike vectors, on operands of a real training step: what each saves, and what it gets wrong.

Reads operands that `mercury inspect --operands` wrote and replays detection in floating point, tile by tile, with a signature cache
that never fills. Nothing of it is hardware yet: it says which signatures would be worth building.

  speed   cycles with zero elements skipped by cycles with reuse, too: a vector that is computed takes one for each element that is
          not zero, one that is reused takes one, a vector of zeros none. Detection, loads and drains are not counted.
  error   norm of the result's change by the norm of the result

Each way has a strength (bits, width of a step); the table has the error at given speeds, interpolated between strengths.

Usage: tools/signatures.py [--tile 256] [--json FILE] OPERANDS.npz...     needs NumPy; 3x3 kernels, stride 1, padding 1
"""
import argparse
import json

import numpy as np

SPEEDS = [1.1, 1.25, 1.5, 2.0]
KERNEL = 3


def patches(x):
    """[batch, channels, h, w] -> [channels, batch * h * w, 9], zeros around."""
    x = np.pad(x.astype(np.float32), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (KERNEL, KERNEL), (2, 3))
    batch, channels, h, w = windows.shape[:4]
    return windows.transpose(1, 0, 2, 3, 4, 5).reshape(channels, batch * h * w, KERNEL**2)


def load(path):
    """Vectors [groups, positions, k] and weights [groups, k, outputs] of a forward pass or an input gradient."""
    with np.load(path) as file:
        w = file["w"].astype(np.float32)
        if "x" in file:
            weights = w.transpose(1, 2, 3, 0).reshape(w.shape[1], KERNEL**2, w.shape[0])
            return patches(file["x"]), weights
        turned = w[:, :, ::-1, ::-1]
        return patches(file["dy"]), turned.transpose(0, 2, 3, 1).reshape(w.shape[0], KERNEL**2, w.shape[1])


def random_matrix(k, n, rng):
    """Entries -1, 0, 1 with probability 1/4, 1/2, 1/4, as the hardware has them."""
    return rng.choice([-1, 0, 0, 1], (k, n)).astype(np.float32)


def principal(v, n):
    """The n directions in which the vectors vary most: projections that learn."""
    flat = v.reshape(-1, v.shape[-1])
    _, directions = np.linalg.eigh(np.cov(flat.T))
    return directions[:, ::-1][:, :n].astype(np.float32)


def rms(v, axis=None):
    return np.sqrt(np.mean(np.square(v, dtype=np.float64), axis=axis, keepdims=axis is not None))


def steps(p, width, rng):
    """Numbers of the steps that values lie in; the steps begin anywhere."""
    return np.floor((p + rng.uniform(0, 1, p.shape[-1]) * width) / width)


def by_sign(v, n, rng):
    return v @ random_matrix(v.shape[-1], n, rng) < 0


def by_step(v, width, rng, matrix=None):
    matrix = random_matrix(v.shape[-1], 10, rng) if matrix is None else matrix
    return steps(v @ matrix, width * rms(v), rng)


def by_grid(v, width, rng, scale=None):
    return steps(v, width * (rms(v) if scale is None else scale), rng)


def low_bits(bits):
    """The low bits of the step's number: what the hardware keeps. Steps 2^bits apart look the same."""
    return lambda v, width, rng: by_grid(v, width, rng) % 2**bits


def clamped(bits):
    """The step's number, held at the ends of its bits."""
    half = 2 ** (bits - 1)
    return lambda v, width, rng: np.clip(by_grid(v, width, rng), -half, half - 1)


def first(v, members, count):
    """Every vector becomes the first with its signature."""
    index = np.full(count, len(v))
    np.minimum.at(index, members, np.arange(len(v)))
    return v[index[members]]


def mean(v, members, count):
    """Every vector becomes the mean of those with its signature."""
    total = np.zeros((count, v.shape[1]))
    np.add.at(total, members, v)
    return (total / np.bincount(members, minlength=count)[:, None])[members]


def scaled(v, members, count):
    """The first, made as long as the vector itself."""
    rep = first(v, members, count)
    length = np.linalg.norm(rep, axis=1, keepdims=True)
    return rep * np.linalg.norm(v, axis=1, keepdims=True) / np.maximum(length, 1e-9)


def shifted(v, members, count):
    """The first, with the vector's own mean."""
    rep = first(v, members, count)
    return rep + (v.mean(1) - rep.mean(1))[:, None]


def own_mean_removed(v):
    return v - v.mean(-1, keepdims=True)


WIDTHS = 2.0 ** np.arange(-5, 3.01, 0.5)
BITS = [2, 3, 4, 6, 8, 10, 12, 16, 20, 28]

# Name: strengths, signature of [.., k] vectors at one of them, what stands for them, channels of a vector, tile by the usual one.
WAYS = {
    "sign": (BITS, by_sign, first, 1, 1),
    "sign, own mean removed": (BITS, lambda v, n, r: by_sign(own_mean_removed(v), n, r), first, 1, 1),
    "sign, scaled by norms": (BITS, by_sign, scaled, 1, 1),
    "step": (WIDTHS * 4, by_step, first, 1, 1),
    "step, 5 learned projections": (WIDTHS * 2, lambda v, s, r: by_step(v, s, r, principal(v, 5)), first, 1, 1),
    "grid": (WIDTHS, by_grid, first, 1, 1),
    **{f"grid, low {bits} bits": (WIDTHS, low_bits(bits), first, 1, 1) for bits in (3, 4, 6, 8)},
    **{f"grid, clamped to {bits} bits": (WIDTHS, clamped(bits), first, 1, 1) for bits in (3, 4, 6)},
    "grid, step by channel": (WIDTHS, lambda v, s, r: by_grid(v, s, r, rms(v, (1, 2))), first, 1, 1),
    "grid, mean of the members": (WIDTHS, by_grid, mean, 1, 1),
    "grid, scaled by norms": (WIDTHS, by_grid, scaled, 1, 1),
    "grid, own mean removed": (WIDTHS, lambda v, s, r: by_grid(own_mean_removed(v), s, r), shifted, 1, 1),
    "grid, two channels": (WIDTHS, by_grid, first, 2, 1),
    "grid, tiles of four times": (WIDTHS, by_grid, first, 1, 4),
    "grid, all images together": (WIDTHS, by_grid, first, 1, None),
}


def members_of(signature, tile):
    """[groups, positions, n] -> number of each vector's signature within group and tile."""
    groups, positions, n = signature.shape
    place = np.arange(positions) // tile if tile else np.zeros(positions, np.int64)
    odd = np.random.default_rng(0).integers(1, 2**62, n + 2, dtype=np.int64) | 1  # a hash of 64 bits, wrapping
    code = (signature.astype(np.int64) * odd[:n]).sum(-1)
    code += np.arange(groups)[:, None] * odd[n] + place * odd[n + 1]
    _, members = np.unique(code.ravel(), return_inverse=True)
    return members.ravel()


def replay(v, weights, way, strength, tile):
    """Speed over zero elements, and error of the result."""
    _, signature, stand_in, channels, tiles = way
    rng = np.random.default_rng(1)
    groups, positions, k = v.shape
    if channels > 1:
        groups -= groups % channels
        whole = v[:groups].reshape(groups // channels, channels, positions, k)
        v = whole.transpose(0, 2, 1, 3).reshape(groups // channels, positions, channels * k)
        weights = weights[:groups].reshape(groups // channels, channels * k, -1)
    members = members_of(signature(v, strength, rng), tile * tiles if tiles else None)
    flat = v.reshape(-1, v.shape[-1])
    nonzero = np.count_nonzero(flat, axis=1)
    some = nonzero > 0
    found, members = np.unique(members[some], return_inverse=True)
    seen = np.full(len(found), len(members))
    np.minimum.at(seen, members, np.arange(len(members)))
    hit = seen[members] != np.arange(len(members))
    cycles = nonzero[some][~hit].sum() + hit.sum()
    got = flat.copy()
    got[some] = stand_in(flat[some], members, len(found))
    change = np.einsum("gpk,gkn->pn", (got - flat).reshape(v.shape), weights)
    result = np.einsum("gpk,gkn->pn", v, weights)
    return float(nonzero.sum() / cycles), float(np.linalg.norm(change) / np.linalg.norm(result))


def curve(v, weights, way, tile):
    """The best of its strengths: speeds and errors, both rising."""
    points = sorted(replay(v, weights, way, strength, tile) for strength in way[0])
    return [p for i, p in enumerate(points) if all(p[1] < later[1] for later in points[i + 1 :])]


def error_at(points, speed):
    """Error at a speed, on a straight line between neighbouring strengths; none beyond the fastest."""
    speeds, errors = zip(*points)
    return float(np.interp(speed, speeds, errors)) if speed <= speeds[-1] else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operands", nargs="+")
    parser.add_argument("--tile", type=int, default=256, help="positions of a tile (256, as small has)")
    parser.add_argument("--json", help="write the curves")
    args = parser.parse_args()
    curves = {}
    for path in args.operands:
        v, weights = load(path)
        curves[path] = {name: curve(v, weights, way, args.tile) for name, way in WAYS.items()}
        print(f"{path}: {v.shape[0]} channels, {v.shape[1]} positions, {np.mean(v != 0):.0%} of the elements are not zero")
        print("| way | " + " | ".join(f"{s}x" for s in SPEEDS) + " |")
        print("|---" * (1 + len(SPEEDS)) + "|")
        for name, points in curves[path].items():
            errors = [error_at(points, speed) for speed in SPEEDS]
            print(f"| {name} | " + " | ".join("–" if e is None else f"{e:.1%}" for e in errors) + " |")
    if args.json:
        with open(args.json, "w") as file:
            json.dump(curves, file, indent=1)


if __name__ == "__main__":
    main()
