/**
 * What a login settles that makes a difference to the client later: a connection that was logged in for another client
 * serves this one only if both have agreed on the same.
 *
 * @module
 */
import { Capability } from "../protocol/mod.ts";

const BINDING = Capability.CLIENT_FOUND_ROWS | Capability.CLIENT_LOCAL_FILES | Capability.CLIENT_IGNORE_SPACE |
  Capability.CLIENT_MULTI_RESULTS | Capability.CLIENT_PS_MULTI_RESULTS | Capability.CLIENT_MULTI_STATEMENTS |
  Capability.CLIENT_TRANSACTIONS | Capability.CLIENT_PROTOCOL_41 | Capability.CLIENT_SESSION_TRACK;

/** Whether two sets of capabilities that were agreed on make no difference to a client. */
export function sameTerms(one: bigint, other: bigint): boolean {
  return (one & BINDING) === (other & BINDING);
}
