/**
 * Colours and tables for a terminal; plain text where colours are not wanted.
 *
 * @module
 */

/** Puts colours around a text, or nothing. */
export type Paint = Readonly<Record<"bold" | "dim" | "red" | "green" | "cyan", (text: string) => string>>;

/** The colours; with `enabled` false every text stays as it is. */
export function paint(enabled: boolean): Paint {
  const wrap = (on: number, off: number) => (text: string) => enabled ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  return { bold: wrap(1, 22), dim: wrap(2, 22), red: wrap(31, 39), green: wrap(32, 39), cyan: wrap(36, 39) };
}

/** Characters of East Asia and emoji take two columns of a terminal. */
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f300}-\u{1faff}]/u;

/** How many columns of a terminal a text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

/** Columns and rows with aligned edges; numbers stand on the right. */
export function table(
  columns: readonly string[],
  rows: readonly (readonly (string | null)[])[],
  colours: Paint,
): string {
  const shown = rows.map((row) => row.map((value) => value ?? "NULL"));
  const widths = columns.map((name, at) => Math.max(widthOf(name), ...shown.map((row) => widthOf(row[at] ?? ""))));
  const right = columns.map((_, at) =>
    shown.length > 0 && shown.every((row) => /^-?[\d.]+$|^NULL$/.test(row[at] ?? ""))
  );
  const line = (cells: readonly string[]) =>
    cells.map((cell, at) => {
      const space = " ".repeat((widths[at] ?? 0) - widthOf(cell));
      return right[at] ? space + cell : cell + space;
    }).join("  ").trimEnd();
  if (shown.length === 0) return `${colours.dim(line(columns))}\n(no rows)`;
  return [colours.dim(line(columns)), ...shown.map(line)].join("\n");
}
