/** A producer thread for the tests and the bench: pushes numbered records, then says that it is done. */
import { BELL, Sender } from "../../lib/shared/bell.ts";
import { Ring } from "../../lib/shared/ring.ts";

interface Order {
  readonly buffer: SharedArrayBuffer;
  readonly producer: number;
  readonly count: number;
  /** Bytes of each record beyond its 8 bytes of numbers; "random" for 0 to 40. */
  readonly padding: number | "random";
  /** Post every record instead of using the ring. */
  readonly byMessage?: boolean;
}

// The types of `self` are those of the main thread.
const scope = self as unknown as Worker;

scope.onmessage = ({ data }: MessageEvent<Order>) => {
  const { buffer, producer, count, padding, byMessage } = data;
  const sender = new Sender(new Ring(buffer), () => scope.postMessage(BELL));
  for (let number = 0; number < count; number++) {
    const length = padding === "random" ? (number * 7 + producer) % 41 : padding;
    const record = new Uint8Array(8 + length).fill(number & 0xff, 8);
    const view = new DataView(record.buffer);
    view.setUint32(0, producer);
    view.setUint32(4, number);
    if (byMessage) scope.postMessage(record);
    else sender.send(record);
  }
  scope.postMessage("done");
};
