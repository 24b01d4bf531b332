/**
 * The first `count` items of a map or set, which may change while it is read: what was in it first
 * and stays is read, and what is added meanwhile does not make the reading endless.
 *
 * Retains nothing when it has ended. A generator would keep its iterator of the map, and one that
 * stops in the middle keeps each table that the map has had since, with all that was in them.
 */
export function firstOf<T>(items: Iterable<T>, count: number): IterableIterator<T> {
  let unread: Iterator<T> | undefined = items[Symbol.iterator]();
  let left = count;
  return {
    [Symbol.iterator]() {
      return this;
    },
    next() {
      const result = left-- > 0 ? unread?.next() : undefined;
      if (result !== undefined && result.done !== true) return result;
      unread = undefined;
      return { done: true, value: undefined };
    },
  };
}
