# LangChain's client for OpenAI's interface.
import json, sys
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field

chat = ChatOpenAI(base_url=sys.argv[1], api_key="none", model=sys.argv[2], max_retries=0, max_tokens=60, seed=1)


class Light(BaseModel):
    """Switches a light."""

    on: bool = Field(description="whether it shines")


said = chat.invoke("Say something about the sea.")
streamed = "".join(chunk.content for chunk in chat.stream("Say something about the sea."))
structured = chat.with_structured_output(Light, method="json_schema").invoke("Light, please.")
called = chat.bind_tools([Light], tool_choice="Light").invoke("Light, please.").tool_calls[0]
print(json.dumps({
    "said": said.content != "" and said.usage_metadata["output_tokens"] > 0,
    "same": streamed == said.content,
    "structured": type(structured).__name__,
    "called": [called["name"], sorted(called["args"])],
}))
