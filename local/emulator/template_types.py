"""CloudFormation: resource types and properties of the template that the emulator rejects or drops.

Seam: `ministack.services.cloudformation.provisioners._cw_metric_alarm_record`, an alarm's record from its properties.
"""

from typing import Any


def install() -> None:
    """Take alarms on a sum of metrics, which the emulator rejects: on the laptop they watch the first of them."""
    from ministack.services.cloudformation import provisioners

    record = provisioners._cw_metric_alarm_record

    def _record(name: str, props: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = record(name, _of_one_metric(props))
        return made

    provisioners._cw_metric_alarm_record = _record


def _of_one_metric(props: dict[str, Any]) -> dict[str, Any]:
    measured = [each["MetricStat"] for each in props.get("Metrics") or [] if "MetricStat" in each]
    if not measured:
        return props
    first, others = measured[0], {name: value for name, value in props.items() if name != "Metrics"}
    return {**others, **first["Metric"], "Period": first["Period"], "Statistic": first["Stat"]}
