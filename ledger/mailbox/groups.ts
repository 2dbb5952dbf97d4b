/** Commands of a batch that are decided as one: their places in it, ascending. */
export type Group = readonly number[]

/** The place of its last command is that of a group: what it stands for overtakes nothing. Nearly always they are in order. */
export const inOrder = (groups: readonly Group[]): readonly Group[] =>
  groups.every((group, index) => index === 0 || lastOf(groups[index - 1] as Group) < lastOf(group))
    ? groups
    : [...groups].sort((one, other) => lastOf(one) - lastOf(other))

export const lastOf = (group: Group): number => group.at(-1) as number

/** Each command by itself, of those groups. */
export const split = (groups: readonly Group[], isToBe: (group: Group) => boolean): readonly Group[] =>
  groups.some(isToBe)
    ? groups.flatMap((group) => (isToBe(group) ? group.map((place) => [place]) : [group]))
    : groups
