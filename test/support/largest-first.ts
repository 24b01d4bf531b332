/**
 * The order of test files: within a group, first those whose work is not in the file itself, then
 * the largest, whichever project they are of. The long ones then do not come last, alone, and tests
 * that wait run beside tests that compute.
 */
import { statSync } from "node:fs";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The simulator, and suites that several implementations share. */
const WORK_IS_ELSEWHERE = /[\\/]sim[\\/]|conformance/;

export class LargestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const group = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;
    const size = ({ moduleId }: TestSpecification): number =>
      WORK_IS_ELSEWHERE.test(moduleId) ? Number.POSITIVE_INFINITY : statSync(moduleId).size;
    return files.toSorted((a, b) => group(a) - group(b) || compare(size(b), size(a)));
  }
}

/** Unlike a difference, also of what is infinite. */
function compare(left: number, right: number): number {
  return left === right ? 0 : left < right ? -1 : 1;
}
