"""Whether alarms go off when they should, and only then.

Requests as API Gateway and the functions would record them are put through the
template's metric filters and the alarms' arithmetic, the way CloudWatch does it.
That a function calls a fault whose it is, tests/tests/faults/whose.rs sees to.
"""

import re
from collections import Counter

MINUTES = 15
OLD, NEW = "2611251430", "Release"


class Number:
    """A number of metric math: nothing can be said of a division by zero."""

    def __init__(self, value):
        self.value = value

    def _with(self, other, operate):
        other = other.value if isinstance(other, Number) else other
        known = self.value is not None and other is not None
        return Number(operate(self.value, other) if known else None)

    def __add__(self, other):
        return self._with(other, lambda a, b: a + b)

    def __mul__(self, other):
        return self._with(other, lambda a, b: a * b)

    def __rmul__(self, other):
        return self * other

    def __truediv__(self, other):
        return self._with(other, lambda a, b: a / b if b else None)

    def __gt__(self, other):
        return self._with(other, lambda a, b: a > b)


def calculate(expression, metrics):
    """A metric math expression; `metrics` holds the sum of each, or None without data."""
    functions = {
        "FILL": lambda metric, value: Number(value if metric.value is None else metric.value),
        "IF": lambda condition, yes, no: yes if condition.value else no,
    }
    result = eval(expression, {"__builtins__": {}}, {**functions, **{name: Number(sum_) for name, sum_ in metrics.items()}})
    return result.value if isinstance(result, Number) else result


def matches(pattern, line):
    """A filter pattern of CloudWatch Logs for JSON lines."""
    inner = re.fullmatch(r"\{(.*)\}", pattern.strip())[1]
    inner = re.sub(r"(?<![!<>])=", "==", inner).replace(">==", ">=")
    inner = re.sub(r"\$\.(\w+)", r'line["\1"]', inner).replace("&&", " and ").replace("||", " or ")
    return eval(inner.strip(), {"__builtins__": {}}, {"line": line})


# ---- Requests ------------------------------------------------------------------


def by_function(status, fault=None, release=OLD, nomad_down=False):
    """A request that a function answered: the line of the access log, and its own."""
    line = {"status": status, "functionStatus": str(status), "lambdaStatus": "200", "error": "-"}
    return line, {"fault": fault, "release": release, "nomad_down": nomad_down}


def by_gateway(status, error="-", function="-", lambda_="-"):
    """A request that API Gateway answered by itself."""
    return {"status": status, "functionStatus": function, "lambdaStatus": lambda_, "error": error}, None


GOOD = by_function(200)
# By whose doing they fail, and how many of them a minute.
CALLERS = {
    "a read token where only write is let in": [by_gateway(403, "ACCESS_DENIED")] * 3,
    "a thousand without a good token": [by_gateway(401, "UNAUTHORIZED")] * 1000,
    "an unknown region": [by_function(500, "caller")] * 3,
    "a thousand of an unknown region, and nothing else": [by_function(500, "caller")] * 1000,
    "what 2.x had and Nomad has not": [by_function(501, "caller")] * 100,
    "an index that has passed": [by_function(500, "caller")] * 100,
    "what the operator lets nobody do": [by_function(403, "caller")] * 100,
    "bad input": [by_function(400, "caller")] * 100,
    "what is not there": [by_function(404, "caller"), by_function(405, "caller")] * 50,
    "too much": [by_function(413, "caller")] * 100,
    "more requests than the rate": [by_gateway(429, "THROTTLED")] * 1000,
    "all of it with the new release": [by_function(status, "caller", NEW) for status in (400, 403, 404, 500, 501)] * 20,
    "nobody": [],
}
OURS = {
    "Nomad is away": [by_function(502, "nomad", nomad_down=True)] * 3,
    "Nomad has no leader": [by_function(500, "nomad", nomad_down=True)] * 3,
    "Nomad fails": [by_function(500, "nomad")] * 3,
    "Nomad knows our token no longer": [by_function(403, "gateway")] * 3,
    "the settings are wrong": [by_function(500, "gateway")] * 3,
    # However API Gateway puts it: each sign alone is enough.
    "a function crashes": [by_gateway(500, "INTERNAL_SERVER_ERROR", "-", "200")] * 3,
    "a function crashes, by its type alone": [by_gateway(500, "INTEGRATION_FAILURE", "500", "200")] * 3,
    "a function crashes, by its status alone": [by_gateway(500, "-", "-", "200")] * 3,
    "a function takes too long": [by_gateway(503, "INTEGRATION_TIMEOUT", "-", "-")] * 3,
    "the authorizer fails": [by_gateway(500, "AUTHORIZER_FAILURE")] * 3,
    "no concurrency is left": [by_gateway(503, "INTEGRATION_FAILURE", "-", "429")] * 3,
    "one of fifteen": [GOOD] * 2 + [by_function(502, "nomad")],
}


def metrics_of(requests, template, release):
    """Name and dimensions of every metric, and its sum."""
    counts = Counter()
    for line, own in requests:
        counts["AWS/ApiGateway", "Count", frozenset()] += 1
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Logs::MetricFilter":
                [metric] = resource["Properties"]["MetricTransformations"]
                value = int(metric["MetricValue"]) if matches(resource["Properties"]["FilterPattern"], line) else metric["DefaultValue"]
                counts["own", metric["MetricName"], frozenset()] += value
        if own:
            of = {
                "Requests": 1,
                "Faults": own["fault"] in ("nomad", "gateway"),
                "NomadUnreachable": own["nomad_down"],
            }
            for name, value in of.items():
                counts["own", name, frozenset({("Service", "dtle")})] += value
                if name != "NomadUnreachable":
                    counts["own", name, frozenset({("Service", "dtle"), ("Release", own["release"])})] += value
    return counts


def key(metric):
    """A metric as an alarm names it."""
    namespace, dimensions = metric["Namespace"], metric.get("Dimensions", [])
    if namespace == "AWS/ApiGateway":
        return namespace, metric["MetricName"], frozenset()
    if namespace == "AWS/Lambda":
        return None
    assert namespace == {"Fn::Sub": "dtle/${AWS::StackName}"}, namespace
    text = lambda value: value["Ref"] if isinstance(value, dict) else value
    return "own", metric["MetricName"], frozenset((it["Name"], text(it["Value"])) for it in dimensions)


def goes_off(alarm, minutes, template, values):
    """Whether an alarm goes off at some time while these requests come, minute by minute."""
    own = alarm.get("Metrics") or [{"Id": "one", "MetricStat": {"Period": alarm["Period"], "Metric": alarm}}]
    [period] = {part["MetricStat"]["Period"] for part in own if "MetricStat" in part}
    expression = next((part["Expression"] for part in own if part.get("ReturnData")), "one")
    threshold = alarm["Threshold"]
    threshold = values[threshold["Ref"]] if isinstance(threshold, dict) else threshold
    assert alarm["TreatMissingData"] == "notBreaching" and alarm["ComparisonOperator"] == "GreaterThanThreshold"
    breaching = []
    for begin in range(0, len(minutes), period // 60):
        counts = metrics_of(sum(minutes[begin : begin + period // 60], []), template, values)
        sums = {part["Id"]: counts.get(key(part["MetricStat"]["Metric"])) for part in own if "MetricStat" in part}
        result = calculate(expression, sums)
        breaching.append(result is not None and result > threshold)
    wide, needed = alarm["EvaluationPeriods"], alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
    return any(sum(breaching[max(0, end - wide) : end]) >= needed for end in range(1, len(breaching) + 1))


def check(template, values):
    alarms = {name: it["Properties"] for name, it in template["Resources"].items() if it["Type"] == "AWS::CloudWatch::Alarm"}
    # By what Lambda counts of the authorizer, to which no caller's fault is one.
    del alarms["AuthorizerAlarm"]
    off = lambda minutes: {name for name, alarm in alarms.items() if goes_off(alarm, minutes, template, values)}
    for what, requests in CALLERS.items():
        assert not off([requests] * MINUTES), f"{what}: {off([requests] * MINUTES)}"
        assert not off([requests + [GOOD]] * MINUTES), what
    expected = {
        "Nomad is away": {"FaultAlarm", "NomadUnreachableAlarm"},
        "Nomad has no leader": {"FaultAlarm", "NomadUnreachableAlarm"},
        "no concurrency is left": {"FaultAlarm", "ThrottleAlarm", "ReleaseAlarm"},
    }
    for what, requests in OURS.items():
        found = off([requests] * MINUTES)
        by_api_gateway = all(own is None for _, own in requests)
        assert found == expected.get(what, {"FaultAlarm", "ReleaseAlarm"} if by_api_gateway else {"FaultAlarm"}), f"{what}: {found}"
        # Callers who do things wrong at the same time hide nothing.
        assert "FaultAlarm" in off([requests + [by_function(501, "caller")] * 3] * MINUTES), what
    # One fault in a quarter of an hour of three requests a minute.
    assert "FaultAlarm" in off([[GOOD] * 3] * 7 + [[GOOD] * 2 + [by_function(502, "nomad")]] + [[GOOD] * 3] * 7)
    # A canary that gets one request of fifteen in its five minutes, and fails it.
    for fault in ("nomad", "gateway"):
        canary = [[GOOD] * 3] * 2 + [[GOOD] * 2 + [by_function(500, fault, NEW)]] + [[GOOD] * 3] * 2
        assert "ReleaseAlarm" in off(canary)
    assert "ReleaseAlarm" in off([[GOOD] * 3] * 2 + [[GOOD] * 2 + OURS["a function crashes"][:1]])
    # What the old release does is not the new one's fault.
    assert "ReleaseAlarm" not in off([[by_function(502, "nomad")] * 3 + [by_function(200, None, NEW)]] * 5)
    # At a hundred requests a second it is the rate that counts.
    assert "FaultAlarm" not in off([[GOOD] * 600 + [by_function(502, "nomad")]] * 5)
    assert "FaultAlarm" in off([[GOOD] * 600 + [by_function(502, "nomad")] * 7] * 5)
