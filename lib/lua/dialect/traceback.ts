/**
 * Tracebacks in the words of Lua 5.1.
 *
 * @module
 */

const HEADING = "stack traceback:";

/**
 * Rewrites a traceback of Lua 5.4.
 *
 * Functions that replace those of C count as such, and what they call in C is not seen: between `[C]: in function 'insert'`
 * and the script's line there is nothing more.
 *
 * @param messageLength Where to look for the heading from: what is before stays as it is.
 */
export function classicTraceback(text: string, messageLength = 0): string {
  const heading = text.indexOf(HEADING, messageLength);
  if (heading < 0) return text;
  const lines: string[] = [];
  // The line on top is of a function without name, called by the one of C that scripts know.
  let inner = false;
  for (const line of text.slice(heading + HEADING.length).split("\n")) {
    // A C function does not take the place of its caller in Lua 5.1, even in a "return f()".
    if (/^\t\(\.\.\.tail calls\.\.\.\)$/.test(line)) {
      if (lines.at(-1)?.startsWith("\t[C]:") !== true) lines.push("\t(tail call): ?");
      continue;
    }
    const ours = /^\t(?:\?|\[C\]:\d+): in (.*)$/.exec(line)?.[1];
    if (ours !== undefined) { while (lines.at(-1)?.startsWith("\t[C]:") === true) lines.pop(); }
    if (inner && line.startsWith("\t[C]:")) lines.pop();
    inner = ours !== undefined && /<.*>$/.test(ours);
    lines.push(rename(ours === undefined ? line : `\t[C]: in ${inner ? "?" : ours}`));
  }
  return text.slice(0, heading) + HEADING + lines.join("\n");
}

function rename(line: string): string {
  return line
    .replace(
      /^(\t.*: in )(?:function|local|method|field|upvalue|global|metamethod|for iterator) '(?:.*\.)?([^'.]*)'$/,
      "$1function '$2'",
    )
    .replace(/^\t\[C\]: in \?$/, "\t[C]: ?")
    .replace(/^\t\.\.\.\t\(skipping \d+ levels\)$/, "\t...");
}
