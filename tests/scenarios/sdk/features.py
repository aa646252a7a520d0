# What people do with the official SDK beyond plain text.
import json, sys
from openai import BadRequestError, OpenAI
from pydantic import BaseModel

client = OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0)
model = sys.argv[2]
messages = [{"role": "user", "content": "Say something about the sea."}]
common = dict(model=model, messages=messages, seed=7, max_tokens=12)
# Drawn at random, white space inside a call could take all its tokens.
steady = dict(model=model, temperature=0)

several = client.chat.completions.create(n=2, logprobs=True, top_logprobs=2, **common)
again = client.chat.completions.create(n=2, logprobs=True, top_logprobs=2, **common)
tool = {
    "type": "function",
    "function": {
        "name": "light",
        "description": "Switches a light.",
        "parameters": {
            "type": "object",
            "properties": {"on": {"type": "boolean"}},
            "required": ["on"],
            "additionalProperties": False,
        },
    },
}
call = client.chat.completions.create(
    messages=messages, tools=[tool], tool_choice="required",
    parallel_tool_calls=False, max_tokens=60, **steady,
).choices[0]
called = call.message.tool_calls[0]
# The call goes back with its answer, as agents do it.
answered = client.chat.completions.create(
    tools=[tool], tool_choice="none", max_tokens=4, **steady,
    messages=messages + [call.message, {"role": "tool", "tool_call_id": called.id, "content": "done"}],
)
parts = client.chat.completions.create(
    messages=messages, tools=[tool], tool_choice="required",
    parallel_tool_calls=False, max_tokens=60, stream=True, **steady,
)
name, arguments = "", ""
for chunk in parts:
    for choice in chunk.choices:
        for delta in choice.delta.tool_calls or []:
            name += delta.function.name or ""
            arguments += delta.function.arguments or ""


class Boat(BaseModel):
    name: str
    sails: int


format = {
    "type": "json_schema",
    "json_schema": {"name": "boat", "schema": {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 12}, "sails": {"type": "integer", "minimum": 0, "maximum": 9}},
        "required": ["name", "sails"],
        "additionalProperties": False,
    }},
}
boat = client.chat.completions.create(
    messages=messages, response_format=format, max_tokens=80, **steady
).choices[0].message.content
parsed = client.chat.completions.parse(
    messages=messages, response_format=Boat, max_tokens=400, **steady
).choices[0].message.parsed
tokens = client.completions.create(
    prompt=[[19556, 28, 905], [19556]], max_tokens=3, logprobs=1, **steady
)
streamed = client.completions.create(model=model, prompt="Once", max_tokens=3, stream=True, n=2, seed=7)
indices = {choice.index for chunk in streamed for choice in chunk.choices}
try:
    client.chat.completions.create(temperature=3, **common)
    refused = None
except BadRequestError as error:
    refused = [error.code, error.param]
first = several.choices[0]
print(json.dumps({
    "choices": [choice.index for choice in several.choices],
    "deterministic": [c.message.content for c in several.choices] == [c.message.content for c in again.choices],
    "logprobs": all(len(entry.top_logprobs) == 2 and entry.logprob <= 0 for entry in first.logprobs.content),
    "joined": "".join(entry.token for entry in first.logprobs.content) == first.message.content,
    "called": [called.function.name, type(json.loads(called.function.arguments)["on"]).__name__],
    "finish": call.finish_reason,
    "answered": answered.choices[0].finish_reason,
    "streamed_call": [name, list(json.loads(arguments))],
    "boat": Boat.model_validate_json(boat) is not None,
    "parsed": parsed is not None,
    "tokens": [len(tokens.choices), tokens.usage.prompt_tokens, len(tokens.choices[1].logprobs.tokens)],
    "indices": sorted(indices),
    "refused": refused,
}))
