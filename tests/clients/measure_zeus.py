"""zeus: a window of ZeusMonitor, which reads the energy counter at both ends."""

from zeus.monitor import ZeusMonitor

from window import Stopwatch, arguments, report, sleep_until

given = arguments()
monitor = ZeusMonitor(gpu_indices=given.gpus, cpu_indices=[])
opens, closes = given.load.next_window()
watch = Stopwatch()
sleep_until(opens)
watch.start(lambda: monitor.begin_window("load", sync_execution=False))
sleep_until(closes)
measured = watch.stop(lambda: monitor.end_window("load", sync_execution=False))
for gpu in given.gpus:
    report("zeus", gpu, "ZeusMonitor: energy counter", watch, measured.gpu_energy[gpu])
