type Reader = ReadableStreamDefaultReader<Uint8Array>;

/**
* Payloads of a stream of server-sent events in the protocol graphql-sse, until it is complete.
 *
* `return` cancels the stream at once, even while a payload is awaited, and the server sees the disconnect.
 */
export function payloadsOf(body: ReadableStream<Uint8Array>): AsyncIterableIterator<unknown> {
  const reader = body.getReader();
  const payloads = read(reader);
  return {
    next: () => payloads.next(),
    return: async () => {
      await reader.cancel();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* read(reader: Reader): AsyncGenerator<unknown, void, undefined> {
  const decoder = new TextDecoder();
  let unfinished = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    const events = (unfinished + decoder.decode(value, { stream: true })).split("\n\n");
    unfinished = events.pop() ?? "";
    for (const event of events) {
      const lines = event.split("\n");
      if (lines.includes("event: complete")) {
        return;
      }
      const data = lines.find((line) => line.startsWith("data: "));
      if (data !== undefined) {
        yield JSON.parse(data.slice("data: ".length));
      }
    }
  }
}
