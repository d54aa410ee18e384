/**
 * The state of one connection.
 *
 * @module
 */
import { nextState, type State, STATE_NUMBER, STATES } from "./state.ts";

/** Moves by the table of `state.ts`, and by nothing else. */
export class Lifecycle {
  #number: number = STATE_NUMBER.INIT;

  /** The state's number, to compare with. */
  get number(): number {
    return this.#number;
  }

  get state(): State {
    return STATES[this.#number]!;
  }

  /**
   * An event, by its number, has happened.
   *
   * @throws {Error} if it cannot happen in this state.
   */
  on(event: number): void {
    this.#number = nextState(this.#number, event);
  }
}
