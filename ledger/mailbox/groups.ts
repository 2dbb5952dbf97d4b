/** Commands of a batch that are decided as one: their places in it, ascending. */
export type Group = readonly number[]

/** The place of its last command is that of a group: what it stands for overtakes nothing. */
export const inOrder = (groups: readonly Group[]): readonly Group[] =>
  [...groups].sort((one, other) => lastOf(one) - lastOf(other))

export const lastOf = (group: Group): number => group.at(-1) as number

/** Each command by itself, of those groups. */
export const split = (groups: readonly Group[], isToBe: (group: Group) => boolean): readonly Group[] =>
  groups.flatMap((group) => (isToBe(group) ? group.map((place) => [place]) : [group]))
