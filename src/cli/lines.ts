// A byte stream as lines of text.

// @ts-types="./text_line_stream.d.ts"
import { TextLineStream } from "@std/streams/text-line-stream";

/** Lines of a UTF-8 stream without their ends; returning early cancels the stream. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  yield* stream
    .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .pipeThrough(new TextLineStream());
}
