// Types of the one stream used of `@std/streams`; the npm mirror ships none.

/** Text in pieces to lines without their ends. */
export class TextLineStream extends TransformStream<string, string> {}
