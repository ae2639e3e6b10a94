// C interface of a Verilated model. `ports.inc`, written beside this file, lists the top module's ports as PORT(name).
#include "Vdut.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif
#include <cstddef>
#include <cstdint>
#include <memory>

#define API extern "C" __attribute__((visibility("default")))

struct Dut {
    VerilatedContext context;  // one a model: models in other threads do not share time, errors or random state
    std::unique_ptr<Vdut> top;
#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> trace;
#endif
};

struct Storage {
    void* address;
    size_t bytes;
};

// A new model; registers and memories start at 0, or at seeded random values when `seed` is not 0.
API Dut* dut_new(uint32_t seed) {
    auto* d = new Dut;
    d->context.fatalOnError(false);
    if (seed != 0) {
        d->context.randReset(2);
        d->context.randSeed(static_cast<int>(seed & 0x7fffffff));
    }
#if VM_TRACE
    d->context.traceEverOn(true);
#endif
    d->top = std::make_unique<Vdut>(&d->context);
    return d;
}

API void dut_free(Dut* d) {
    d->top->final();
#if VM_TRACE
    if (d->trace) d->trace->close();
#endif
    delete d;
}

// Storage of port number `index`; address 0 behind the last one.
API Storage dut_port(Dut* d, size_t index) {
    const Storage ports[] = {
#define PORT(name) {&d->top->name, sizeof(d->top->name)},
#include "ports.inc"
#undef PORT
    };
    return index < sizeof(ports) / sizeof(ports[0]) ? ports[index] : Storage{nullptr, 0};
}

// Settles the model; every call is one time unit of a waveform.
API void dut_eval(Dut* d) {
    d->top->eval();
#if VM_TRACE
    if (d->trace) d->trace->dump(d->context.time());
#endif
    d->context.timeInc(1);
}

// Starts a waveform file, or ends the running one if `path` is null. Returns 0 if that is impossible.
API int dut_trace(Dut* d, const char* path) {
#if VM_TRACE
    if (d->trace) d->trace->close();
    d->trace.reset();
    if (path == nullptr) return 1;
    d->trace = std::make_unique<VerilatedVcdC>();
    d->top->trace(d->trace.get(), 99);
    d->trace->open(path);
    return d->trace->isOpen();
#else
    (void)d;
    return path == nullptr;
#endif
}

// Whether the model has reported an error or called $finish.
API int dut_failed(const Dut* d) { return d->context.gotError() || d->context.gotFinish(); }
