/**
 * The arguments of a function call, with the words that some functions have among them.
 *
 * @module
 */
import type { Call } from "./functions.ts";
import { type Interval, readInterval } from "./interval.ts";
import { quoteString } from "./quoting.ts";
import { isOperator } from "./token_role.ts";
import type { Passage } from "./translation.ts";

/** The call of a function that needs no parentheses, such as CURRENT_DATE. */
export const BARE_CALL: Call = {
  args: [],
  order: "",
  separator: undefined,
  distinct: false,
  interval: undefined,
  cast: "",
};

/**
 * Translates the arguments of a call.
 *
 * @param at the place of the function's name; its parenthesis comes next.
 * @param close the place of the parenthesis that ends it.
 */
export function readCall(passage: Passage, at: number, close: number): Call {
  const { tokens, partner } = passage;
  const args: string[] = [];
  let order = "";
  let separator: string | undefined;
  let distinct = false;
  let interval: Interval | undefined;
  let cast = "";
  let start = at + 2;
  if (tokens[start]?.upper === "DISTINCT") {
    distinct = true;
    start++;
  }
  const finish = (from: number, to: number) => {
    if (to <= from) return;
    if (tokens[from]?.upper === "INTERVAL") interval = readInterval(passage, from + 1, to, "+");
    else args.push(passage.inner(from, to));
  };
  for (let here = start; here <= close; here++) {
    const token = tokens[here];
    const partnerAt = partner[here] ?? -1;
    if (here === close) finish(start, here);
    else if (partnerAt > here) here = partnerAt;
    else if (isOperator(token, ",")) {
      finish(start, here);
      start = here + 1;
    } else if (token?.upper === "ORDER" && tokens[here + 1]?.upper === "BY") {
      finish(start, here);
      let stop = here;
      while (stop < close && tokens[stop]?.upper !== "SEPARATOR") stop++;
      order = passage.inner(here + 2, stop);
      start = stop;
      here = stop - 1;
    } else if (token?.upper === "SEPARATOR") {
      finish(start, here);
      separator = quoteString(tokens[here + 1]?.value ?? ",");
      start = close;
    } else if (
      (token?.upper === "AS" || token?.upper === "USING") && /^(CAST|CONVERT)$/.test(tokens[at]?.upper ?? "")
    ) {
      finish(start, here);
      cast = token.upper === "USING" ? "USING" : tokens[here + 1]?.upper ?? "";
      start = close;
    } else if (token?.upper === "FROM" || (token?.upper === "FOR" && tokens[at]?.upper === "SUBSTRING")) {
      // SUBSTRING(x FROM 2 FOR 3), EXTRACT(YEAR FROM x), TRIM(BOTH 'x' FROM y).
      finish(start, here);
      start = here + 1;
    }
  }
  return { args, order, separator, distinct, interval, cast };
}
