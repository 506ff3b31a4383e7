"""What is counted, one module per metric. To add one: its module, and a line below."""

from licenses.metrics import device
from licenses.metrics.form import Installation, Metric, RequiredRight

METRICS: tuple[Metric, ...] = (device.METRIC,)
METRIC_BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}

__all__ = ["METRICS", "METRIC_BY_NAME", "Installation", "Metric", "RequiredRight"]
