"""Sends the metrics of a connector to a collector of OpenTelemetry, once, over OTLP and HTTP.

The exporter is OpenTelemetry's own (extra `otlp`); it reads further headers, such as a collector's API key, from
`OTEL_EXPORTER_OTLP_HEADERS`, so that none is ever an argument.
Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orgcal import __version__
from orgcal.errors import Unreachable, UsageError
from orgcal.health.metrics import Gauge
from orgcal.platforms.rest import session_for

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData

TIMEOUT_S = 20.0
"""For all tries together; the exporter repeats what a collector that is busy refuses."""

_PATH = "/v1/metrics"


def send_metrics(url: str, gauges: Sequence[Gauge], at: datetime, environ: Mapping[str, str]) -> None:
    """Send gauges to the collector at `url`.

    Args:
        url: `http://collector:4318`, or with the path of the collector's metrics.
        gauges: of `orgcal.health.metrics.gauges_of`.
        at: the moment that they tell of, UTC.
        environ: the process environment: proxies, authorities.

    Raises:
        UsageError: `url` cannot be used, or the extra is not installed.
        Unreachable: the collector refused, or gave no answer in time.
    """
    address = _endpoint(url)
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics.export import MetricExportResult
    except ImportError:
        raise UsageError(
            "OpenTelemetry's exporter is not installed", where="--otlp", repair="pip install 'orgcal[otlp]'"
        ) from None
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it would tell what we tell, with the address
    exporter = OTLPMetricExporter(endpoint=address, timeout=TIMEOUT_S, session=session_for(address, environ))
    try:
        sent = exporter.export(_data(gauges, at))
    finally:
        exporter.shutdown()
    if sent is not MetricExportResult.SUCCESS:
        raise Unreachable(
            "the collector refused the metrics or gave no answer",
            where=_shown(address),
            repair="check its address, that it takes OTLP over HTTP, and the headers in OTEL_EXPORTER_OTLP_HEADERS",
        )


def _endpoint(url: str) -> str:
    split = urlsplit(url)
    if split.scheme not in ("http", "https") or not split.hostname or "@" in split.netloc or re.search(r"\s", url):
        raise UsageError(
            "this is not the address of a collector",
            where="--otlp",
            repair="such as --otlp http://localhost:4318; a key goes into OTEL_EXPORTER_OTLP_HEADERS",
        )
    return url if split.path.strip("/") else url.rstrip("/") + _PATH


def _shown(address: str) -> str:
    split = urlsplit(address)
    return f"{split.scheme}://{split.netloc}{split.path}"


def _data(gauges: Sequence[Gauge], at: datetime) -> MetricsData:
    """The gauges as OpenTelemetry's SDK hands them to its exporters; names as in the text format."""
    from opentelemetry.sdk.metrics import export
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    nanoseconds = int(at.timestamp() * 1e9)
    metrics = [
        export.Metric(
            name=gauge.name,
            description=gauge.about,
            unit="s" if gauge.unit == "seconds" else "",
            data=export.Gauge(
                [
                    export.NumberDataPoint(
                        dict(zip(gauge.labels, labels, strict=True)), nanoseconds, nanoseconds, value
                    )
                    for labels, value in gauge.samples
                ]
            ),
        )
        for gauge in gauges
        if gauge.samples
    ]
    scope = export.ScopeMetrics(InstrumentationScope("orgcal", __version__), metrics, "")
    resource = Resource({"service.name": "orgcal", "service.version": __version__})
    return export.MetricsData([export.ResourceMetrics(resource, [scope], "")])
