// Which texts a command told, and when first, in a bounded number of bytes however long they are (I8):
// of each only a hash is kept. Two texts of one hash would cost a line of output; the hash is keyed anew
// in every command, so that no peer finds them.

/** Texts that are remembered; what is told beyond them may be told again. */
const MOST_TEXTS = 1 << 20;
const LEAST_SLOTS = 1 << 10;
/** Numbers of a slot: two of the hash, and the attempt, from one; zero where the slot is free. */
const SLOT = 3;

export class ToldTexts {
  readonly #key = crypto.getRandomValues(new Uint32Array(2));
  readonly #mostTexts: number;
  #slots = new Uint32Array(SLOT * LEAST_SLOTS);
  #size = 0;

  constructor({ mostTexts = MOST_TEXTS }: { readonly mostTexts?: number } = {}) {
    this.#mostTexts = mostTexts;
  }

  /** Bytes that are held. */
  get heldBytes(): number {
    return this.#slots.byteLength;
  }

  /** The attempt that told a text first: this one, if none has. */
  tell(text: string, attempt: number): number {
    const [a, b] = this.#hash(text);
    const at = place(this.#slots, a, b);
    const known = this.#slots[at + 2]!;
    if (known !== 0) return known - 1;
    if (this.#size < this.#mostTexts) this.#add(at, [a, b, attempt + 1]);
    return attempt;
  }

  #add(at: number, slot: readonly [number, number, number]): void {
    this.#slots.set(slot, at);
    this.#size++;
    // Half of the slots are free at any time: none is far from where it is looked for.
    if (2 * SLOT * this.#size > this.#slots.length) this.#grow();
  }

  #grow(): void {
    const slots = new Uint32Array(2 * this.#slots.length);
    for (let at = 0; at < this.#slots.length; at += SLOT) {
      const slot = this.#slots.subarray(at, at + SLOT);
      if (slot[2] !== 0) slots.set(slot, place(slots, slot[0]!, slot[1]!));
    }
    this.#slots = slots;
  }

  /** Two numbers of 32 bits, by two multiplicative hashes that are mixed at the end. */
  #hash(text: string): readonly [number, number] {
    let a = this.#key[0]!;
    let b = this.#key[1]!;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x9e3779b1);
      b = Math.imul(b ^ unit, 0x5f356495);
      a ^= b >>> 15;
      b ^= a >>> 13;
    }
    return [mixed(a, b), mixed(b, a)];
  }
}

/** Where the slot with this hash is, or the free one that it belongs into. */
function place(slots: Uint32Array, a: number, b: number): number {
  const mask = slots.length / SLOT - 1;
  for (let number = a & mask;; number = (number + 1) & mask) {
    const at = SLOT * number;
    if (slots[at + 2] === 0 || (slots[at] === a && slots[at + 1] === b)) return at;
  }
}

function mixed(a: number, b: number): number {
  const once = Math.imul(a ^ (a >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13) ^ b, 0xc2b2ae35);
  return (twice ^ (twice >>> 16)) >>> 0;
}
