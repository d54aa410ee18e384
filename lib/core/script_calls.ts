/**
 * Calls of a connection's script. A hook may wait; then everything that happens to the connection waits with it.
 *
 * @module
 */
import { type Decision, type Script, Verdict } from "../script/mod.ts";

/** The script of one connection. */
export class ScriptCalls {
  readonly script: Script;
  readonly #resume: () => void;
  /** Whether a hook waits for something. */
  waiting = false;

  /** @param resume is called when a hook that waited has been answered: what was held back can go on. */
  constructor(script: Script, resume: () => void) {
    this.script = script;
    this.#resume = resume;
  }

  /** Goes on with `then` when the hook has decided: at once, unless it waits. */
  ask(decision: Decision, then: (verdict: Verdict) => void): void {
    if (typeof decision === "number") return then(decision);
    this.waiting = true;
    const settled = (verdict: Verdict) => {
      this.waiting = false;
      then(verdict);
      this.#resume();
    };
    decision.then(settled, () => settled(Verdict.NONE));
  }
}
