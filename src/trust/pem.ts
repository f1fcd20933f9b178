// PEM (RFC 7468): one labelled block of base64 text. The reader takes exactly one block, strictly
// formed, and answers null for anything else; what the bytes mean is the caller's matter.

const LINE_CHARS = 64;

/** One PEM block, with its final newline. */
export function encodePem(label: string, der: Uint8Array): string {
  const base64 = toBase64(der);
  const lines = [`-----BEGIN ${label}-----`];
  for (let at = 0; at < base64.length; at += LINE_CHARS) {
    lines.push(base64.slice(at, at + LINE_CHARS));
  }
  lines.push(`-----END ${label}-----`, "");
  return lines.join("\n");
}

/** Bytes of the one block with this label, or null when the text is anything else. */
export function decodePem(label: string, text: string): Uint8Array<ArrayBuffer> | null {
  const lines = text.trim().split(/\r?\n/);
  if (lines.shift() !== `-----BEGIN ${label}-----`) return null;
  if (lines.pop() !== `-----END ${label}-----`) return null;
  const base64 = lines.join("");
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
  // atob is lenient about padding, blanks and stray bits; what we wrote has one form only.
  return toBase64(bytes) === base64 ? bytes : null;
}

function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
