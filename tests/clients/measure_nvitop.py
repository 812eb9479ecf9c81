"""nvitop: the power that it shows, read every second; it sums no energy itself."""

from nvitop import Device, ResourceMetricCollector

from window import Stopwatch, arguments, report, sleep_until

given = arguments()
devices = Device.from_indices(given.gpus)
collector = ResourceMetricCollector(devices, interval=1.0)
opens, closes = given.load.next_window()
watch = Stopwatch()
sleep_until(opens)
watch.start(lambda: collector.activate("load"))
sleep_until(closes)
metrics = watch.stop(collector.collect)
collector.deactivate("load")
duration_s = metrics["load/duration (s)"]
for gpu in given.gpus:
    (power_w,) = (
        value
        for key, value in metrics.items()
        if f"gpu:{gpu}" in key and key.endswith("power_usage (W)/mean")
    )
    report(
        "nvitop",
        gpu,
        "ResourceMetricCollector: mean of the power every 1 s; x duration is ours",
        watch,
        power_w * duration_s,
        power_w=power_w,
        duration_s=duration_s,
    )
