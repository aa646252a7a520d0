# What the document cannot say: tools have different names, a choice names one of them, tools and a form exclude each other, and
# all prompts together have a bounded number of answers.
import schemathesis
from schemathesis.generation import GenerationMode


@schemathesis.hook
def before_call(context, case, kwargs):
    body = case.body
    if not isinstance(body, dict) or case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    for index, tool in enumerate(body.get("tools") or []):
        tool["function"]["name"] = f"f{index}"
    if body.get("tool_choice") not in (None, "none", "auto"):
        del body["tool_choice"]
    if body.get("tools"):
        body.pop("response_format", None)
    if isinstance(body.get("prompt"), list):
        body.pop("n", None)
