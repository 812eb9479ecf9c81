"""nvidia-ml-py: what a GPU is, what it shows, and what may be set."""

import ctypes
import inspect
import os
import time

import pynvml

from lines import expect, saw

# Supported core clocks of the boards.
CLOCKS = {"NVIDIA A100 80GB PCIe": 81, "NVIDIA H100 80GB HBM3": 110}
PINNED_MHZ = 1005
# A power limit that the load cannot meet without lower clocks, as a share of the default limit.
LIMIT_SHARE = 0.6


def refused(call, error) -> bool:
    """Whether a call raises this error."""
    try:
        call()
    except error:
        return True
    return False


def identity(index: int, handle) -> str:
    """A GPU is found again by everything that names it."""
    uuid = pynvml.nvmlDeviceGetUUID(handle)
    serial = pynvml.nvmlDeviceGetSerial(handle)
    bus_id = pynvml.nvmlDeviceGetPciInfo(handle).busId
    for again in (
        pynvml.nvmlDeviceGetHandleByUUID(uuid),
        pynvml.nvmlDeviceGetHandleBySerial(serial),
        pynvml.nvmlDeviceGetHandleByPciBusId(bus_id),
    ):
        expect(pynvml.nvmlDeviceGetIndex(again) == index, f"GPU {index} is not found by its names")
    expect(serial.startswith("EMU"), f"serial {serial}, expected one that says it is emulated")
    nobody = lambda: pynvml.nvmlDeviceGetHandleByUUID("GPU-00000000-0000-0000-0000-000000000000")  # noqa: E731
    expect(refused(nobody, pynvml.NVMLError_NotFound), "a UUID of nobody is found")
    name = pynvml.nvmlDeviceGetName(handle)
    major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
    return f"{name} ({major}.{minor}), {uuid}, {serial}, {bus_id}"


def sizes(name: str, handle) -> str:
    """Lists are asked for twice: how long, then what."""
    count = ctypes.c_uint(0)
    ask = pynvml._nvmlGetFunctionPointer("nvmlDeviceGetSupportedMemoryClocks")
    answer = ask(handle, ctypes.byref(count), None)
    expect(answer == pynvml.NVML_ERROR_INSUFFICIENT_SIZE, f"{name}: size query answers {answer}")
    memory = pynvml.nvmlDeviceGetSupportedMemoryClocks(handle)
    expect(len(memory) == count.value, f"{name}: {len(memory)} memory clocks, told {count.value}")
    core = pynvml.nvmlDeviceGetSupportedGraphicsClocks(handle, max(memory))
    expect(len(core) == CLOCKS[name], f"{name}: {len(core)} core clocks, expected {CLOCKS[name]}")
    expect(core == sorted(core, reverse=True), f"{name}: core clocks do not descend")
    return f"{name}: {len(core)} core clocks {core[-1]} to {core[0]} MHz, memory {memory} MHz"


def versions(name: str, handle) -> str:
    """Structures have versions, and a wrong one is refused."""
    temperature = pynvml.nvmlDeviceGetTemperatureV(handle, pynvml.NVML_TEMPERATURE_GPU)
    plain = pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)
    expect(abs(temperature - plain) <= 2, f"{name}: {temperature} C and {plain} C at once")
    newer = pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
    older = pynvml.nvmlDeviceGetMemoryInfo(handle)
    expect(newer.total == older.total, f"{name}: memory {newer.total} and {older.total} bytes")
    wrong = lambda: pynvml.nvmlDeviceGetTemperatureV(handle, 0, version=0x7F000010)  # noqa: E731
    errors = (pynvml.NVMLError, ctypes.ArgumentError)
    expect(refused(wrong, errors), f"{name}: takes a structure of no version")
    return f"{name}: versioned structures, {temperature} C, {newer.total >> 20} MiB"


def fields(name: str, handle) -> str:
    """Field values carry their own return code."""
    asked = [
        pynvml.NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION,
        (pynvml.NVML_FI_DEV_POWER_INSTANT, pynvml.NVML_POWER_SCOPE_GPU),
        (pynvml.NVML_FI_DEV_POWER_AVERAGE, pynvml.NVML_POWER_SCOPE_GPU),
        (pynvml.NVML_FI_DEV_POWER_AVERAGE, pynvml.NVML_POWER_SCOPE_MEMORY),
        (pynvml.NVML_FI_DEV_ENERGY, pynvml.NVML_POWER_SCOPE_GPU),
        999,
    ]
    energy, instant, average, memory, scoped, none = pynvml.nvmlDeviceGetFieldValues(handle, asked)
    counter = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    expect(energy.nvmlReturn == 0, f"{name}: field 83 answers {energy.nvmlReturn}")
    expect(0 <= counter - energy.value.ullVal < 200_000, f"{name}: field 83 is not the counter")
    expect(instant.nvmlReturn == 0 and instant.value.uiVal > 0, f"{name}: field 186 shows nothing")
    expect(none.nvmlReturn != 0, f"{name}: field 999 exists")
    hopper = pynvml.nvmlDeviceGetArchitecture(handle) == pynvml.NVML_DEVICE_ARCH_HOPPER
    expect((average.nvmlReturn == 0) == hopper, f"{name}: field 185 answers {average.nvmlReturn}")
    expect(
        (memory.nvmlReturn == 0) == hopper,
        f"{name}: field 185 of the memory answers {memory.nvmlReturn}",
    )
    shown = f"186 {instant.value.uiVal / 1e3:.0f} W"
    if hopper:
        expect(
            memory.value.uiVal < average.value.uiVal, f"{name}: memory takes more than the board"
        )
        shown += f", 185 {average.value.uiVal / 1e3:.0f} W, memory {memory.value.uiVal / 1e3:.0f} W"
    return f"{name}: fields 83 {energy.value.ullVal} mJ, {shown}, 191 returns {scoped.nvmlReturn}"


def samples(name: str, handle) -> str:
    """The ring of power samples, all of it and what is new."""
    kind, ring = pynvml.nvmlDeviceGetSamples(handle, pynvml.NVML_TOTAL_POWER_SAMPLES, 0)
    times = [sample.timeStamp for sample in ring]
    expect(len(ring) > 1 and times == sorted(times), f"{name}: {len(ring)} samples, not by time")
    expect(kind == pynvml.NVML_VALUE_TYPE_UNSIGNED_INT, f"{name}: samples of type {kind}")
    _, new = pynvml.nvmlDeviceGetSamples(handle, pynvml.NVML_TOTAL_POWER_SAMPLES, times[-2])
    expect(all(s.timeStamp > times[-2] for s in new), f"{name}: old samples among the new")
    watts = [sample.sampleValue.uiVal / 1e3 for sample in ring]
    return f"{name}: {len(ring)} power samples, last {watts[-1]:.0f} W"


def activity(name: str, handle) -> str:
    """GPM has the activity between two samples, on Hopper."""
    supported = pynvml.nvmlGpmQueryDeviceSupport(handle).isSupportedDevice
    hopper = pynvml.nvmlDeviceGetArchitecture(handle) == pynvml.NVML_DEVICE_ARCH_HOPPER
    expect(bool(supported) == hopper, f"{name}: GPM support is {supported}")
    if not supported:
        return f"{name}: no GPM"
    first, second = pynvml.nvmlGpmSampleAlloc(), pynvml.nvmlGpmSampleAlloc()
    pynvml.nvmlGpmSampleGet(handle, first)
    time.sleep(0.5)
    pynvml.nvmlGpmSampleGet(handle, second)
    wanted = (
        pynvml.NVML_GPM_METRIC_SM_UTIL,
        pynvml.NVML_GPM_METRIC_ANY_TENSOR_UTIL,
        pynvml.NVML_GPM_METRIC_DRAM_BW_UTIL,
    )
    get = pynvml.c_nvmlGpmMetricsGet_t()
    get.version = pynvml.NVML_GPM_METRICS_GET_VERSION
    get.numMetrics = len(wanted)
    get.sample1, get.sample2 = first, second
    for slot, metric in enumerate(wanted):
        get.metrics[slot].metricId = metric
    pynvml.nvmlGpmMetricsGet(get)
    values = [get.metrics[slot].value for slot in range(len(wanted))]
    pynvml.nvmlGpmSampleFree(first)
    pynvml.nvmlGpmSampleFree(second)
    expect(all(0 <= value <= 100 for value in values), f"{name}: GPM shows {values} %")
    expect(values[0] > 50 and values[1] > 10, f"{name}: GPM shows {values} % on matrix products")
    return f"{name}: GPM SM {values[0]:.0f} %, tensor {values[1]:.0f} %, DRAM {values[2]:.0f} %"


def every_reader(name: str, handle) -> str:
    """Whatever can be asked of a handle alone is there, and answers or says why not."""
    answered = refusals = 0
    for function_name, function in inspect.getmembers(pynvml, inspect.isfunction):
        if not function_name.startswith(("nvmlDeviceGet", "nvmlDeviceIs", "nvmlGpmQuery")):
            continue
        needed = [
            parameter
            for parameter in inspect.signature(function).parameters.values()
            if parameter.default is parameter.empty
        ]
        if len(needed) != 1 or needed[0].name not in ("handle", "device"):
            continue
        try:
            function(handle)
            answered += 1
        except pynvml.NVMLError_FunctionNotFound:
            raise SystemExit(f"error: {function_name} is not in the library") from None
        except pynvml.NVMLError as error:
            known = (
                pynvml.NVML_ERROR_NOT_SUPPORTED,
                pynvml.NVML_ERROR_NOT_FOUND,
                pynvml.NVML_ERROR_INVALID_ARGUMENT,
                pynvml.NVML_ERROR_NO_PERMISSION,
            )
            expect(error.value in known, f"{name}: {function_name} answers {error}")
            refusals += 1
    expect(answered > 60, f"{name}: only {answered} functions answer")
    return f"{name}: {answered} functions of a handle answer, {refusals} are not supported"


def shown(handle) -> tuple[float, int]:
    """Power in W and core clock in MHz, when a change has settled."""
    time.sleep(1.6)
    power = pynvml.nvmlDeviceGetPowerUsage(handle) / 1e3
    return power, pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM)


def control(name: str, handle) -> str:
    """Clocks and the power limit can be set, take effect, and come back."""
    free_w, free_mhz = shown(handle)
    pynvml.nvmlDeviceSetGpuLockedClocks(handle, PINNED_MHZ, PINNED_MHZ)
    pinned_w, pinned_mhz = shown(handle)
    pynvml.nvmlDeviceResetGpuLockedClocks(handle)
    expect(pinned_mhz == PINNED_MHZ, f"{name}: {pinned_mhz} MHz, locked to {PINNED_MHZ}")
    expect(pinned_w < 0.95 * free_w, f"{name}: {pinned_w:.0f} W locked, {free_w:.0f} W free")
    _, high = pynvml.nvmlDeviceGetPowerManagementLimitConstraints(handle)
    before = pynvml.nvmlDeviceGetPowerManagementLimit(handle)
    low = int(before * LIMIT_SHARE)
    pynvml.nvmlDeviceSetPowerManagementLimit(handle, low)
    capped_w, capped_mhz = shown(handle)
    limit = pynvml.nvmlDeviceGetPowerManagementLimit(handle)
    reasons = pynvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
    too_much = lambda: pynvml.nvmlDeviceSetPowerManagementLimit(handle, high + 1000)  # noqa: E731
    expect(refused(too_much, pynvml.NVMLError_InvalidArgument), f"{name}: takes any power limit")
    pynvml.nvmlDeviceSetPowerManagementLimit(handle, before)
    back_w, back_mhz = shown(handle)
    expect(limit == low, f"{name}: limit {limit} mW, set to {low}")
    # The reading has the gain of the card, which the limit knows nothing of.
    expect(capped_w < low / 1e3 * 1.15, f"{name}: {capped_w:.0f} W over the limit of {low / 1e3} W")
    expect(reasons & pynvml.nvmlClocksEventReasonSwPowerCap, f"{name}: event reasons {reasons:#x}")
    expect(abs(back_w / free_w - 1) < 0.1, f"{name}: {back_w:.0f} W after, {free_w:.0f} W before")
    return (
        f"{name}: free {free_w:.0f} W {free_mhz} MHz, locked {pinned_w:.0f} W {pinned_mhz} MHz, "
        f"limit {low / 1e3:.0f} W {capped_w:.0f} W {capped_mhz} MHz, "
        f"back {back_w:.0f} W {back_mhz} MHz"
    )


def no_control(name: str, handle) -> str:
    """Without root nothing can be set."""
    lock = lambda: pynvml.nvmlDeviceSetGpuLockedClocks(handle, PINNED_MHZ, PINNED_MHZ)  # noqa: E731
    expect(refused(lock, pynvml.NVMLError_NoPermission), f"{name}: everybody may lock clocks")
    return f"{name}: clocks are refused without root"


pynvml.nvmlInit()
# Until the load runs and every sensor has seen it.
time.sleep(2.0)
driver = pynvml.nvmlSystemGetDriverVersion()
saw(f"driver {driver}, CUDA {pynvml.nvmlSystemGetCudaDriverVersion_v2()}")
for index in range(pynvml.nvmlDeviceGetCount()):
    device = pynvml.nvmlDeviceGetHandleByIndex(index)
    product = pynvml.nvmlDeviceGetName(device)
    saw(identity(index, device))
    for look in (sizes, versions, fields, samples, activity, every_reader):
        saw(look(product, device))
    saw((control if os.geteuid() == 0 else no_control)(product, device))
pynvml.nvmlShutdown()
