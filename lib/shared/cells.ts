/**
 * A table of 32-bit numbers that every thread sees at once, with named columns, in a SharedArrayBuffer.
 *
 * @module
 */

/** What {@linkcode Cells} is made of; survives a structured clone, so `postMessage` can hand it to another thread. */
export interface CellsHandle<Column extends string> {
  readonly columns: readonly Column[];
  readonly buffer: SharedArrayBuffer;
}

/** Rows from 0 on; values are signed 32-bit integers, 0 at first; every access is atomic. */
export class Cells<Column extends string> implements CellsHandle<Column> {
  readonly columns: readonly Column[];
  readonly buffer: SharedArrayBuffer;
  readonly rows: number;
  readonly #cells: Int32Array<SharedArrayBuffer>;
  readonly #places: ReadonlyMap<Column, number>;

  /**
   * Opens a table that {@linkcode Cells.create} made, in this or another thread.
   *
   * @throws {RangeError} if the buffer does not hold whole rows, or a column's name occurs twice.
   */
  constructor(handle: CellsHandle<Column>) {
    const { columns, buffer } = handle;
    const rowBytes = columns.length * 4;
    if (rowBytes === 0 || buffer.byteLength % rowBytes !== 0) {
      throw new RangeError(`A buffer of ${buffer.byteLength} bytes does not hold rows of ${columns.length} cells`);
    }
    this.columns = columns;
    this.buffer = buffer;
    this.rows = buffer.byteLength / rowBytes;
    this.#cells = new Int32Array(buffer);
    this.#places = new Map(columns.map((column, place) => [column, place]));
    if (this.#places.size !== columns.length) throw new RangeError("Two columns of a table have the same name");
  }

  /** Makes a table of zeros. */
  static create<const Column extends string>(columns: readonly Column[], rows: number): Cells<Column> {
    return new Cells({ columns, buffer: new SharedArrayBuffer(columns.length * 4 * rows) });
  }

  /** What another thread needs for its own `new Cells(handle)`. */
  get handle(): CellsHandle<Column> {
    return { columns: this.columns, buffer: this.buffer };
  }

  /** @throws {RangeError} if there is no such cell; the same for every access. */
  get(row: number, column: Column): number {
    return Atomics.load(this.#cells, this.#at(row, column));
  }

  set(row: number, column: Column, value: number): void {
    Atomics.store(this.#cells, this.#at(row, column), value);
  }

  /** Adds `amount`, which may be negative, and wraps around at 32 bits. @returns the new value. */
  add(row: number, column: Column, amount: number): number {
    return (Atomics.add(this.#cells, this.#at(row, column), amount) + amount) | 0;
  }

  /** Sets the cell to `value` if it holds `expected`. @returns whether it did. */
  compareExchange(row: number, column: Column, expected: number, value: number): boolean {
    return Atomics.compareExchange(this.#cells, this.#at(row, column), expected, value) === expected;
  }

  #at(row: number, column: Column): number {
    const place = this.#places.get(column);
    if (place === undefined) throw new RangeError(`There is no column "${column}"`);
    if (!Number.isInteger(row) || row < 0 || row >= this.rows) {
      throw new RangeError(`There is no row ${row}, the table has ${this.rows}`);
    }
    return row * this.columns.length + place;
  }
}
