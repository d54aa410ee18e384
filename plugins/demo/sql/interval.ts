/**
 * `INTERVAL amount unit` as a date modifier of SQLite.
 *
 * @module
 */
import { syntaxError } from "./sql_error.ts";
import type { Passage } from "./translation.ts";

/** The units of INTERVAL, as date modifiers of SQLite. */
export const UNITS: Readonly<Record<string, readonly [modifier: string, factor: number]>> = {
  SECOND: ["seconds", 1],
  MINUTE: ["minutes", 1],
  HOUR: ["hours", 1],
  DAY: ["days", 1],
  WEEK: ["days", 7],
  MONTH: ["months", 1],
  QUARTER: ["months", 3],
  YEAR: ["years", 1],
};

/** An INTERVAL that has been read. */
export interface Interval {
  /** What SQLite's date functions take after the date. */
  readonly modifier: string;
  /** Whether it is whole days, so that a date shifted by it stays one. */
  readonly dateOnly: boolean;
  /** The place behind the unit. */
  readonly next: number;
}

/** Reads the amount and unit of an INTERVAL whose amount begins at `at`. @throws {SqlError} 1064 without a unit. */
export function readInterval(passage: Passage, at: number, end: number, sign: string): Interval {
  const { tokens, partner, context } = passage;
  for (let unitAt = at; unitAt < end; unitAt++) {
    const unit = UNITS[tokens[unitAt]?.upper ?? ""];
    const close = partner[unitAt] ?? -1;
    if (close > unitAt) unitAt = close;
    else if (unit !== undefined && unitAt > at) {
      const [name, size] = unit;
      const factor = (sign === "-" ? -1 : 1) * size;
      // A month later than 31 January is the last of February, not the second of March.
      const rounding = name === "months" || name === "years" ? ", 'floor'" : "";
      return {
        modifier: `((${passage.inner(at, unitAt)}) * ${factor}) || ' ${name}'${rounding}`,
        dateOnly: name !== "seconds" && name !== "minutes" && name !== "hours",
        next: unitAt + 1,
      };
    }
  }
  throw syntaxError(context.source.slice(tokens[at - 1]?.start ?? 0));
}

/** `operand + INTERVAL …`; whole days added to a date give a date. */
export function shiftDate(operand: string, { modifier, dateOnly }: Interval): string {
  const isDate = /^(date\(|'\d{4}-\d\d-\d\d'$)/.test(operand);
  return `${dateOnly && isDate ? "date" : "datetime"}(${operand}, ${modifier})`;
}
