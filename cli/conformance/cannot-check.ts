/** A check needs something that it was not given: it says nothing about the system. */
export class CannotCheck extends Error {}
