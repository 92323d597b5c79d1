/**
 * Ids that depend only on what they name: an import that is repeated creates nothing twice.
 * `crypto.subtle` is missing on plain http, and asynchronous, so SHA-1 is computed here.
 */
import { uuidOf } from "./ids";

/** A UUIDv5 (RFC 9562) of a name within a namespace, which is itself a UUID. */
export function namedId(namespace: string, name: string): string {
  const prefix = namespace.replaceAll("-", "").match(/../g) ?? [];
  const text = new TextEncoder().encode(name);
  const hash = sha1(Uint8Array.from([...prefix.map((byte) => parseInt(byte, 16)), ...text]));
  const bytes = hash.slice(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x50;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidOf(bytes);
}

/** The namespace of a file: the beginning of its digest. */
export function fileNamespace(content: Uint8Array): string {
  return uuidOf(sha1(content).slice(0, 16));
}

function sha1(message: Uint8Array): Uint8Array {
  const length = Math.ceil((message.length + 9) / 64) * 64;
  const padded = new Uint8Array(length);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(length - 8, Math.floor(message.length / 2 ** 29));
  view.setUint32(length - 4, message.length << 3);
  const state = new Int32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);
  const words = new Int32Array(80);
  for (let offset = 0; offset < length; offset += 64) addBlock(state, words, view, offset);
  const digest = new DataView(new ArrayBuffer(20));
  state.forEach((word, index) => digest.setInt32(4 * index, word));
  return new Uint8Array(digest.buffer);
}

function addBlock(state: Int32Array, words: Int32Array, view: DataView, offset: number): void {
  for (let i = 0; i < 16; i++) words[i] = view.getInt32(offset + 4 * i);
  for (let i = 16; i < 80; i++) {
    words[i] = rotated(words[i - 3]! ^ words[i - 8]! ^ words[i - 14]! ^ words[i - 16]!, 1);
  }
  let [a, b, c, d, e] = state as unknown as [number, number, number, number, number];
  for (let i = 0; i < 80; i++) {
    const mixed =
      i < 20
        ? ((b & c) | (~b & d)) + 0x5a827999
        : i < 40
          ? (b ^ c ^ d) + 0x6ed9eba1
          : i < 60
            ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
            : (b ^ c ^ d) + 0xca62c1d6;
    [e, d, c, b, a] = [d, c, rotated(b, 30), a, (rotated(a, 5) + mixed + e + words[i]!) | 0];
  }
  [a, b, c, d, e].forEach((value, index) => (state[index] = (state[index]! + value) | 0));
}

function rotated(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}
