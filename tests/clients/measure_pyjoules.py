"""pyJoules: an EnergyMeter over the NVIDIA device, which reads the energy counter in mJ."""

from pyJoules.device import DeviceFactory
from pyJoules.device.nvidia_device import NvidiaGPUDomain
from pyJoules.energy_meter import EnergyMeter

from window import Stopwatch, arguments, report, sleep_until

given = arguments()
meter = EnergyMeter(DeviceFactory.create_devices([NvidiaGPUDomain(gpu) for gpu in given.gpus]))
opens, closes = given.load.next_window()
watch = Stopwatch()
sleep_until(opens)
watch.start(lambda: meter.start(tag="load"))
sleep_until(closes)
watch.stop(meter.stop)
(sample,) = meter.get_trace()
for gpu in given.gpus:
    energy_mj = sample.energy[f"nvidia_gpu_{gpu}"]
    report("pyJoules", gpu, "EnergyMeter: energy counter", watch, energy_mj / 1e3)
