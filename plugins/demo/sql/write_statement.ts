/**
 * INSERT, REPLACE, UPDATE and DELETE in the forms that only MySQL has, turned into forms that SQLite has too.
 *
 * Tokens go in and tokens come out; names, literals and functions are translated afterwards.
 *
 * @module
 */
import { matchParentheses, type Token } from "./token.ts";
import { findOutside, isToken, keyword, name, operator, splitAtCommas, TokenCursor } from "./token_list.ts";

/** A rewritten statement. */
export interface WriteStatement {
  readonly tokens: readonly Token[];
  /** The table that is written, without its database; it decides whether there is an insert id. */
  readonly table: string;
}

/** `DEFAULT` as a value: SQLite has no such word there, NULL does the same for the columns that number themselves. */
function withoutDefault(tokens: readonly Token[]): Token[] {
  return tokens.map((token, at) => {
    if (!isToken(token, "DEFAULT") || isToken(tokens[at + 1], "(")) return token;
    return isToken(tokens[at - 1], "(") || isToken(tokens[at - 1], ",") || isToken(tokens[at - 1], "=")
      ? keyword("NULL")
      : token;
  });
}

/** `ON DUPLICATE KEY UPDATE a = VALUES(a)`, also with the row alias of MySQL 8. */
function onConflict(assignments: readonly Token[], alias: string | undefined): Token[] {
  const out: Token[] = [keyword("ON"), keyword("CONFLICT"), keyword("DO"), keyword("UPDATE"), keyword("SET")];
  const partner = matchParentheses(assignments);
  for (let at = 0; at < assignments.length; at++) {
    const token = assignments[at];
    if (token === undefined) continue;
    const close = partner[at + 1] ?? -1;
    if (isToken(token, "VALUES") && close === at + 3) {
      out.push(name("excluded"), operator("."), name(assignments[at + 2]?.value ?? ""));
      at = close;
    } else if (alias !== undefined && token.value === alias && isToken(assignments[at + 1], ".")) {
      out.push(name("excluded"));
    } else out.push(token);
  }
  return out;
}

/** INSERT and REPLACE. */
export function rewriteInsert(tokens: readonly Token[], source: string): WriteStatement {
  const cursor = new TokenCursor(tokens, source);
  const out: Token[] = [cursor.next()];
  while (cursor.takeAny("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY") !== undefined);
  if (cursor.take("IGNORE")) out.push(keyword("OR"), keyword("IGNORE"));
  cursor.take("INTO");
  out.push(keyword("INTO"));
  const tableAt = cursor.at;
  const { name: table } = cursor.qualifiedName();
  out.push(...tokens.slice(tableAt, cursor.at));

  if (cursor.take("SET")) {
    const end = findOutside(tokens, cursor.at, "ON", "AS");
    const columns: Token[] = [];
    const values: Token[] = [];
    for (const assignment of splitAtCommas(tokens.slice(cursor.at, end))) {
      const equals = assignment.findIndex((token) => isToken(token, "="));
      const column = assignment[equals - 1];
      if (column === undefined) throw cursor.error();
      if (columns.length > 0) columns.push(operator(",")), values.push(operator(","));
      columns.push(column);
      values.push(...withoutDefault(assignment.slice(equals)).slice(1));
    }
    out.push(operator("("), ...columns, operator(")"), keyword("VALUES"), operator("("), ...values, operator(")"));
    cursor.at = end;
  } else {
    const columnsAt = cursor.at;
    if (isToken(cursor.peek, "(") && !isToken(tokens[cursor.at + 1], "SELECT")) {
      if (cursor.group().length > 0) out.push(...tokens.slice(columnsAt, cursor.at));
    }
    const end = findOutside(tokens, cursor.at, "ON", "AS");
    if (cursor.takeAny("VALUES", "VALUE") !== undefined) {
      if (isToken(cursor.peek, "(") && isToken(tokens[cursor.at + 1], ")")) {
        out.push(keyword("DEFAULT"), keyword("VALUES"));
        cursor.at += 2;
      } else {
        out.push(keyword("VALUES"), ...withoutDefault(tokens.slice(cursor.at, end)));
        cursor.at = end;
      }
    } else {
      let duplicateAt = tokens.findLastIndex((token) => isToken(token, "DUPLICATE")) - 1;
      if (duplicateAt < 0) duplicateAt = tokens.length;
      const select = tokens.slice(cursor.at, duplicateAt);
      out.push(...select);
      // Without a WHERE, SQLite would read the ON that follows as a join's.
      if (duplicateAt < tokens.length && findOutside(select, 0, "WHERE", "GROUP", "ORDER", "LIMIT") === select.length) {
        out.push(keyword("WHERE"), keyword("TRUE"));
      }
      cursor.at = duplicateAt;
    }
  }
  const alias = cursor.take("AS") ? cursor.name() : undefined;
  if (cursor.take("ON", "DUPLICATE", "KEY", "UPDATE")) out.push(...onConflict(cursor.rest(), alias));
  else out.push(...cursor.rest());
  return { tokens: out, table };
}

/** `WHERE … ORDER BY … LIMIT …` of an UPDATE or DELETE, as a condition that SQLite takes. */
function limited(table: readonly Token[], tail: readonly Token[]): Token[] {
  if (findOutside(tail, 0, "ORDER", "LIMIT") === tail.length) return [...tail];
  const open = [keyword("WHERE"), keyword("rowid"), keyword("IN"), operator("("), keyword("SELECT"), keyword("rowid")];
  return [...open, keyword("FROM"), ...table, ...tail, operator(")")];
}

/** `t x` as `t AS x`, which SQLite insists on in UPDATE and DELETE. */
function withAs(target: readonly Token[]): readonly Token[] {
  const alias = target.at(-1);
  const before = target.at(-2);
  if (alias === undefined || before === undefined || isToken(before, "AS") || isToken(before, ".")) return target;
  return target.length > 3 && !isToken(target[1], ".") ? target : [...target.slice(0, -1), keyword("AS"), alias];
}

/** UPDATE of one table. */
export function rewriteUpdate(tokens: readonly Token[], source: string): WriteStatement {
  const cursor = new TokenCursor(tokens, source);
  const out: Token[] = [cursor.next()];
  cursor.take("LOW_PRIORITY");
  if (cursor.take("IGNORE")) out.push(keyword("OR"), keyword("IGNORE"));
  const setAt = findOutside(tokens, cursor.at, "SET");
  const target = withAs(tokens.slice(cursor.at, setAt));
  const { name: table } = cursor.qualifiedName();
  if (setAt === tokens.length) throw cursor.error();
  const tailAt = findOutside(tokens, setAt, "WHERE", "ORDER", "LIMIT");
  out.push(...target, keyword("SET"));
  for (const [index, assignment] of splitAtCommas(tokens.slice(setAt + 1, tailAt)).entries()) {
    // SQLite takes no qualifier before an assigned column.
    const equals = assignment.findIndex((token) => isToken(token, "="));
    if (index > 0) out.push(operator(","));
    out.push(...assignment.slice(Math.max(equals - 1, 0)));
  }
  out.push(...limited(target, tokens.slice(tailAt)));
  return { tokens: out, table };
}

/** DELETE from one table. */
export function rewriteDelete(tokens: readonly Token[], source: string): WriteStatement {
  const cursor = new TokenCursor(tokens, source);
  const out: Token[] = [cursor.next()];
  while (cursor.takeAny("LOW_PRIORITY", "QUICK", "IGNORE") !== undefined);
  cursor.expect("FROM");
  const tailAt = findOutside(tokens, cursor.at, "WHERE", "ORDER", "LIMIT");
  const target = withAs(tokens.slice(cursor.at, tailAt));
  const { name: table } = cursor.qualifiedName();
  out.push(keyword("FROM"), ...target, ...limited(target, tokens.slice(tailAt)));
  return { tokens: out, table };
}
