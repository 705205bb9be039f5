"""OpenTelemetry spans in JSON: OTLP batches and spans alone, attributes as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chatlog.sources.fields import Fields
from chatlog.sources.record import Reject
from chatlog.sources.values import decoded, kind, text, to_micros

_MAX_NUMBERED = 10_000


@dataclass(slots=True)
class Span:
    """A span.

    Attributes:
        attributes: by name, as plain JSON values.
        events: (name, attributes) in order.
        trace_id: the trace's id.
        start: microseconds since the epoch.
        rest: the span's other fields, with the resource and the scope of its batch.
    """

    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    trace_id: str | None = None
    start: int | None = None
    rest: dict[str, Any] = field(default_factory=dict)


def spans_of(value: Any) -> Iterator[Span]:
    """The spans of a record: an OTLP batch, one resource's spans, or a span.

    Raises:
        Reject: not_an_object, bad_field.
    """
    if not isinstance(value, Mapping):
        raise Reject("not_an_object", f"the record should be an object, found {kind(value)}")
    for key in ("resourceSpans", "resource_spans"):
        if key in value:
            for batch in _objects(value[key], key):
                yield from spans_of(batch)
            return
    for key in ("scopeSpans", "scope_spans"):
        if key in value:
            resource = value.get("resource")
            around = {"resource": attributes_of(resource.get("attributes"))} if isinstance(resource, Mapping) else {}
            for scope in _objects(value[key], key):
                beside = {name: item for name, item in scope.items() if name != "spans"}
                for span in _objects(scope.get("spans"), "spans"):
                    yield _span(span, {**around, **beside})
            return
    yield _span(value, {})


def _objects(value: Any, where: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise Reject("bad_field", f"{where} should be an array of objects, found {kind(value)}")
    return value


def _span(value: Mapping[str, Any], around: dict[str, Any]) -> Span:
    events = decoded(value.get("events"))
    read: list[tuple[str, dict[str, Any]]] = []
    beside: dict[str, Any] = {}
    for event in events if isinstance(events, list) else []:
        if isinstance(event, Mapping):
            name = event.get("name")
            left = {key: item for key, item in event.items() if key not in ("name", "attributes")}
            if left:
                beside[str(len(read))] = left
            read.append((name if isinstance(name, str) else "", attributes_of(event.get("attributes"))))
    context = value.get("context")
    trace_id = text(value.get("traceId")) or text(value.get("trace_id"))
    if trace_id is None and isinstance(context, Mapping):
        trace_id = text(context.get("trace_id"))
    own = {key: item for key, item in value.items() if key not in ("attributes", "events")}
    rest = dict(around)
    if read:
        rest["event_names"] = [name for name, _ in read]
    if beside:
        rest["event_fields"] = beside
    other = [{**attributes, "name": name} for name, attributes in read if not name.startswith("gen_ai.")]
    if other:
        rest["events"] = other
    # A field of the span that has the name of one that is added stays, in a place of its own.
    twice = {key: own[key] for key in rest if key in own and own[key] != rest[key]}
    rest = {**own, **rest, **({"span": twice} if twice else {})}
    return Span(attributes_of(value.get("attributes")), read, trace_id, _start(value), rest)


def _start(value: Mapping[str, Any]) -> int | None:
    for key in ("startTimeUnixNano", "start_time_unix_nano"):
        nanos = value.get(key)
        if isinstance(nanos, str) and nanos.isascii() and nanos.isdecimal() and len(nanos) < 20:
            nanos = int(nanos)
        if isinstance(nanos, int) and not isinstance(nanos, bool) and nanos > 0:
            return to_micros(nanos // 1000)
    for key in ("start_time", "startTime", "start_timestamp", "timestamp"):
        found = to_micros(value.get(key))
        if found is not None:
            return found
    return None


def attributes_of(value: Any) -> dict[str, Any]:
    """Attributes by name, from an object or from OTLP's list of keys and typed values."""
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    if not isinstance(value, list):
        return {}
    return {
        item["key"]: _plain(item.get("value"), 0)
        for item in value
        if isinstance(item, Mapping) and isinstance(item.get("key"), str)
    }


def _plain(value: Any, depth: int) -> Any:
    """The plain value of OTLP's AnyValue."""
    if not isinstance(value, Mapping) or depth > 100:
        return value
    for key in ("stringValue", "boolValue", "doubleValue", "bytesValue"):
        if key in value:
            return value[key]
    if "intValue" in value:
        number = value["intValue"]  # 64-bit integers are strings in OTLP's JSON
        return (
            int(number) if isinstance(number, str) and number.lstrip("-").isdecimal() and len(number) < 20 else number
        )
    inner = value.get("arrayValue")
    if isinstance(inner, Mapping):
        items = inner.get("values")
        return [_plain(item, depth + 1) for item in items] if isinstance(items, list) else []
    inner = value.get("kvlistValue")
    if isinstance(inner, Mapping) and isinstance(inner.get("values"), list):
        pairs = [item for item in inner["values"] if isinstance(item, Mapping)]
        return {str(pair.get("key")): _plain(pair.get("value"), depth + 1) for pair in pairs}
    return dict(value)


def numbered(fields: Fields, prefix: str, inner: str, role: str) -> list[dict[str, Any]]:
    """Messages told by numbered attributes: `<prefix><number>.<inner>role`, `...content`, and so on."""
    messages: dict[int, dict[str, Any]] = {}
    for key in fields.record:
        if not key.startswith(prefix):
            continue
        number, _, name = key[len(prefix) :].partition(".")
        if not (number.isascii() and number.isdecimal()) or len(number) > 4 or int(number) > _MAX_NUMBERED:
            continue
        if name.startswith(inner):
            messages.setdefault(int(number), {})[name[len(inner) :]] = fields.take(key)
    return [{"role": role, **messages[number]} for number in sorted(messages)]
