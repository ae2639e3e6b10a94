//! Layers, networks, optimisers and data loaders, generic over the engine.
