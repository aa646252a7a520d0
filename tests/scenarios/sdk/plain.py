# Plain text: whole, streamed, the older interface, the list of models, an error.
import json, sys
from openai import NotFoundError, OpenAI

client = OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0)
model = sys.argv[2]
messages = [{"role": "user", "content": "one two three"}]
whole = client.chat.completions.create(model=model, messages=messages)
stream = client.chat.completions.create(
    model=model, messages=messages, stream=True, stream_options={"include_usage": True}
)
text, usage = "", None
for chunk in stream:
    usage = chunk.usage or usage
    for choice in chunk.choices:
        text += choice.delta.content or ""
legacy = client.completions.create(model=model, prompt="four five", max_tokens=1)
try:
    client.chat.completions.create(model="gpt-17", messages=messages)
    refused = None
except NotFoundError as error:
    refused = {"code": error.code, "message": error.message}
print(json.dumps({
    "models": [entry.id for entry in client.models.list()],
    "whole": whole.choices[0].message.content,
    "whole_tokens": whole.usage.completion_tokens,
    "streamed": text,
    "streamed_tokens": usage.completion_tokens,
    "legacy": legacy.choices[0].text,
    "legacy_finish": legacy.choices[0].finish_reason,
    "refused": refused,
}))
