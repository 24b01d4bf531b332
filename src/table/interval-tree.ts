/**
 * Items by interval: finds those whose interval contains a value in O(log intervals + found). A
 * balanced (AVL) tree, ordered by lower ends, in which each node knows the highest upper end below
 * it.
 *
 * Retains one node per different interval, and one set entry per item.
 */
import type { Present } from "../protocol/column.ts";
import { beginsBy, compareLower, compareUpper, reaches } from "./interval.ts";
import type { Bound, CompareValues, Interval } from "./interval.ts";

class Node<T, V> {
  interval: Interval<V>;
  items: Set<T>;
  left: Node<T, V> | undefined;
  right: Node<T, V> | undefined;
  height = 1;
  /** The highest upper end in this node and below it. */
  highest: Bound<V> | undefined;

  constructor(interval: Interval<V>, item: T) {
    this.interval = interval;
    this.items = new Set([item]);
    this.highest = interval.upper;
  }
}

type Subtree<T, V> = Node<T, V> | undefined;

export class IntervalTree<T, V = Present> {
  readonly #compare: CompareValues<V>;
  #root: Subtree<T, V>;

  constructor(compare: CompareValues<V>) {
    this.#compare = compare;
  }

  get isEmpty(): boolean {
    return this.#root === undefined;
  }

  add(interval: Interval<V>, item: T): void {
    this.#root = this.#added(this.#root, interval, item);
  }

  delete(interval: Interval<V>, item: T): void {
    this.#root = this.#deleted(this.#root, interval, item);
  }

  /** Calls `visit` for each item whose interval contains the value. */
  containing(value: V, visit: (item: T, interval: Interval<V>) => void): void {
    this.#containing(this.#root, value, visit);
  }

  #containing(
    node: Subtree<T, V>,
    value: V,
    visit: (item: T, interval: Interval<V>) => void,
  ): void {
    if (node === undefined || !reaches(node.highest, value, this.#compare)) return;
    this.#containing(node.left, value, visit);
    const { interval, items } = node;
    // The intervals to the right begin even later.
    if (!beginsBy(interval.lower, value, this.#compare)) return;
    if (reaches(interval.upper, value, this.#compare))
      for (const item of items) visit(item, interval);
    this.#containing(node.right, value, visit);
  }

  #order(left: Interval<V>, right: Interval<V>): number {
    return (
      compareLower(left.lower, right.lower, this.#compare) ||
      compareUpper(left.upper, right.upper, this.#compare)
    );
  }

  #added(node: Subtree<T, V>, interval: Interval<V>, item: T): Node<T, V> {
    if (node === undefined) return new Node(interval, item);
    const order = this.#order(interval, node.interval);
    if (order === 0) {
      node.items.add(item);
      return node;
    }
    if (order < 0) node.left = this.#added(node.left, interval, item);
    else node.right = this.#added(node.right, interval, item);
    return this.#balanced(node);
  }

  #deleted(node: Subtree<T, V>, interval: Interval<V>, item: T): Subtree<T, V> {
    if (node === undefined) return undefined;
    const order = this.#order(interval, node.interval);
    if (order < 0) node.left = this.#deleted(node.left, interval, item);
    else if (order > 0) node.right = this.#deleted(node.right, interval, item);
    else {
      node.items.delete(item);
      if (node.items.size > 0) return node;
      if (node.left === undefined || node.right === undefined) return node.left ?? node.right;
      const next = firstOf(node.right);
      node.right = this.#withoutFirst(node.right);
      node.interval = next.interval;
      node.items = next.items;
    }
    return this.#balanced(node);
  }

  #withoutFirst(node: Node<T, V>): Subtree<T, V> {
    if (node.left === undefined) return node.right;
    node.left = this.#withoutFirst(node.left);
    return this.#balanced(node);
  }

  /** The root of the same nodes with heights that differ by one at most. */
  #balanced(node: Node<T, V>): Node<T, V> {
    const lean = heightOf(node.left) - heightOf(node.right);
    if (lean > 1 && node.left !== undefined) {
      if (heightOf(node.left.left) < heightOf(node.left.right))
        node.left = this.#turnedLeft(node.left);
      return this.#turnedRight(node);
    }
    if (lean < -1 && node.right !== undefined) {
      if (heightOf(node.right.right) < heightOf(node.right.left))
        node.right = this.#turnedRight(node.right);
      return this.#turnedLeft(node);
    }
    return this.#measured(node);
  }

  #turnedLeft(node: Node<T, V>): Node<T, V> {
    const top = node.right;
    if (top === undefined) return this.#measured(node);
    node.right = top.left;
    top.left = this.#measured(node);
    return this.#measured(top);
  }

  #turnedRight(node: Node<T, V>): Node<T, V> {
    const top = node.left;
    if (top === undefined) return this.#measured(node);
    node.left = top.right;
    top.right = this.#measured(node);
    return this.#measured(top);
  }

  #measured(node: Node<T, V>): Node<T, V> {
    const { left, right } = node;
    node.height = 1 + Math.max(heightOf(left), heightOf(right));
    node.highest = node.interval.upper;
    for (const below of [left, right]) {
      if (below !== undefined && compareUpper(below.highest, node.highest, this.#compare) > 0)
        node.highest = below.highest;
    }
    return node;
  }
}

function heightOf<T, V>(node: Subtree<T, V>): number {
  return node?.height ?? 0;
}

function firstOf<T, V>(node: Node<T, V>): Node<T, V> {
  let first = node;
  while (first.left !== undefined) first = first.left;
  return first;
}
