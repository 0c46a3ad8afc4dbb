"""The part of CloudFormation that decides what a template comes to.

Given parameter values, CloudFormation checks the Rules, works out the
Conditions, and drops what they leave out. This does the same, so that a test
can look at the resources that one choice of parameters really makes.
"""

import itertools
import json
import re

ACCOUNT, REGION = "123456789012", "eu-central-1"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "dtle-api",
    "AWS::URLSuffix": "amazonaws.com",
}
NO_VALUE = object()


def defaults(template):
    """The values of parameters that have one without being asked."""
    return {name: p["Default"] for name, p in template["Parameters"].items() if "Default" in p}


def faults_of_values(template, values):
    """Parameters whose value their own constraints refuse."""
    for name, parameter in template["Parameters"].items():
        value = values.get(name)
        if value is None:
            yield f"{name}: no value"
        elif "AllowedValues" in parameter and str(value) not in map(str, parameter["AllowedValues"]):
            yield f"{name}: {value} is not one of AllowedValues"
        elif "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], value):
            yield f"{name}: {value} does not match AllowedPattern"
        elif not parameter.get("MinValue", float("-inf")) <= _number(value) <= parameter.get("MaxValue", float("inf")):
            yield f"{name}: {value} is out of range"


def _number(value):
    return value if isinstance(value, (int, float)) else 0


def truth(expression, values, conditions=None):
    """Whether a condition holds."""
    [(function, argument)] = expression.items()
    recurse = lambda inner: truth(inner, values, conditions)
    match function:
        case "Fn::Equals":
            left, right = (str(_value(side, values)) for side in argument)
            return left == right
        case "Fn::Not":
            return not recurse(argument[0])
        case "Fn::And":
            assert 2 <= len(argument) <= 10, "Fn::And takes two to ten"
            return all(map(recurse, argument))
        case "Fn::Or":
            assert 2 <= len(argument) <= 10, "Fn::Or takes two to ten"
            return any(map(recurse, argument))
        case "Condition":
            return recurse(conditions[argument])
        case "Fn::EachMemberIn":
            return True  # Asks AWS about the account; nothing to know here.
    raise AssertionError(f"unknown function {function}")


def _value(side, values):
    return values[side["Ref"]] if isinstance(side, dict) else side


def broken_rules(template, values):
    """What CloudFormation would say before it touches anything."""
    for rule in template["Rules"].values():
        if "RuleCondition" not in rule or truth(rule["RuleCondition"], values):
            for assertion in rule["Assertions"]:
                if not truth(assertion["Assert"], values):
                    yield assertion["AssertDescription"]


def conditions(template, values):
    """Every condition and whether it holds."""
    known = template["Conditions"]
    return {name: truth(expression, values, known) for name, expression in known.items()}


def concrete(template, values):
    """The template without conditions: just what these values make of it."""
    holds = conditions(template, values)

    def resolve(node):
        if isinstance(node, dict):
            if set(node) == {"Fn::If"}:
                name, yes, no = node["Fn::If"]
                return resolve(yes if holds[name] else no)
            if node == {"Ref": "AWS::NoValue"}:
                return NO_VALUE
            pairs = ((key, resolve(item)) for key, item in node.items())
            return {key: item for key, item in pairs if item is not NO_VALUE}
        if isinstance(node, list):
            return [item for item in map(resolve, node) if item is not NO_VALUE]
        return node

    result = {key: part for key, part in template.items() if key not in ("Conditions", "Rules")}
    for section in ("Resources", "Outputs"):
        kept = {}
        for name, item in template[section].items():
            condition = item.get("Condition")
            if condition is None or holds[condition]:
                kept[name] = resolve({key: part for key, part in item.items() if key != "Condition"})
        result[section] = kept
    return result


def references(node):
    """Every name that a part of a template refers to."""
    if isinstance(node, dict):
        for key, item in node.items():
            if key == "Ref":
                yield item
            elif key == "Fn::GetAtt":
                yield item[0] if isinstance(item, list) else item.split(".")[0]
            elif key == "Fn::Sub":
                text, own = (item, {}) if isinstance(item, str) else item
                for name in re.findall(r"\$\{([^!}]+)\}", text):
                    if name not in own:
                        yield name.split(".")[0]
                yield from references(own)
            elif key == "DependsOn":
                yield from [item] if isinstance(item, str) else item
            else:
                yield from references(item)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def with_values(template, values):
    """The template with these values as the parameters' defaults."""
    result = json.loads(json.dumps(template))
    for name, parameter in result["Parameters"].items():
        parameter["Default"] = values[name]
        # A linter would try the ends of the range too, -1 for "not reserved".
        for end in ("MinValue", "MaxValue"):
            parameter.pop(end, None)
        # A linter knows no account in which to look these up.
        if parameter["Type"].startswith("List<"):
            parameter["Type"] = "CommaDelimitedList"
        elif parameter["Type"].startswith("AWS::"):
            parameter["Type"] = "String"
    return result


def pairwise(choices, allowed):
    """Combinations in which every two values of two parameters meet, as far as
    `allowed` lets them; and which pairs it never does."""
    names = list(choices)
    usual = {name: options[0] for name, options in choices.items()}
    pairs = [
        {a: x, b: y}
        for a, b in itertools.combinations(names, 2)
        for x in choices[a]
        for y in choices[b]
    ]
    # Each value by itself first, beside the usual ones.
    singles = [_complete({name: option}, choices, usual, allowed) for name in names for option in choices[name]]
    found, impossible = [single for single in singles if single], []
    found = [single for n, single in enumerate(found) if single not in found[:n]]
    covered = lambda pair: any(pair.items() <= combination.items() for combination in found)
    for pair in pairs:
        if covered(pair):
            continue
        # Fill the rest up with as many new pairs as one pass finds.
        combination = _complete(pair, choices, usual, allowed)
        if combination is None:
            impossible.append(pair)
            continue
        for name in names:
            if name in pair:
                continue
            options = [dict(combination, **{name: option}) for option in choices[name]]
            fresh = lambda c: sum(
                not covered({name: c[name], other: c[other]}) for other in names if other != name
            )
            combination = max(filter(allowed, options), key=fresh)
        found.append(combination)
    return found, impossible


def _complete(pair, choices, usual, allowed):
    """A combination that has the pair and is allowed, with few other changes."""
    start = {**usual, **pair}
    others = [name for name in choices if name not in pair]
    for count in range(4):
        for changed in itertools.combinations(others, count):
            for options in itertools.product(*(choices[name][1:] for name in changed)):
                candidate = {**start, **dict(zip(changed, options))}
                if allowed(candidate):
                    return candidate
    return None
