"""What transformers makes of small templates: fills in test/fixtures/jinja/cases.json.

Needs transformers 5.24 and Jinja 3.1.6: python tools/golden/jinja.py test/fixtures/jinja/cases.json
Add a template to the file, with any text, and run this again.
"""

import datetime
import json
import sys

import transformers.utils.chat_template_utils as chat_template_utils
from jinja2.exceptions import TemplateSyntaxError


class FixedTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 5, 9, 7, 3)


chat_template_utils.datetime = FixedTime


def run(template, variables):
    try:
        return {"text": chat_template_utils._compile_jinja_template(template).render(**variables)}
    except TemplateSyntaxError as error:
        return {"error": "syntax", "reason": str(error)}
    except Exception as error:
        return {"error": "failed", "reason": str(error)}


def main(path):
    with open(path, encoding="utf-8") as file:
        content = json.load(file)
    variables = content["variables"]
    lines = [
        json.dumps({"template": case["template"], **run(case["template"], variables)})
        for case in content["cases"]
    ]
    with open(path, "w", encoding="utf-8") as file:
        file.write('{"variables": ' + json.dumps(variables) + ',\n"cases": [\n')
        file.write(",\n".join(lines) + "\n]}\n")


main(sys.argv[1])
