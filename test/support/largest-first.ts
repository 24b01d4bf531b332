/**
 * The order of test files: within a group, the largest first, whichever project they are of. The
 * long ones then do not come last, alone, and tests that wait run beside tests that compute.
 */
import { statSync } from "node:fs";
import { BaseSequencer, type TestSpecification } from "vitest/node";

export class LargestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const group = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;
    const size = ({ moduleId }: TestSpecification): number => statSync(moduleId).size;
    return files.toSorted((a, b) => group(a) - group(b) || size(b) - size(a));
  }
}
