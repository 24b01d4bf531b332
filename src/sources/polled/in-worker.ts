/** A function of a module that runs in a thread of its own, for what computes. */
import { Worker } from "node:worker_threads";
import type { PolledParameters, PolledRun } from "./options.ts";

/**
 * The thread's program: it calls the module's default export, one call after the other. Text,
 * because the thread has to find it wherever an application's build puts this file.
 */
const PROGRAM = `
const { parentPort, workerData } = require("node:worker_threads");
const loaded = import(workerData);
loaded.catch(() => {});
parentPort.on("message", async (parameters) => {
  try {
    const { default: run } = await loaded;
    parentPort.postMessage({ rows: await run(parameters, new AbortController().signal) });
  } catch (error) {
    parentPort.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
});`;

interface Answer {
  readonly rows?: readonly object[];
  readonly error?: string;
}

/**
 * Runs the default export of a module, `(parameters) => rows`, in a thread. Calls wait for each
 * other. One that is aborted ends with its thread, since a thread that computes can't be asked;
 * the next call starts another one.
 */
export function inWorker(module: URL): PolledRun {
  let worker: Worker | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const end = async (): Promise<void> => {
    const ended = worker;
    worker = undefined;
    await ended?.terminate();
  };
  const call = (parameters: PolledParameters, signal: AbortSignal): Promise<readonly object[]> => {
    signal.throwIfAborted();
    const thread = (worker ??= threadOf(module, (ended) => {
      if (worker === ended) worker = undefined;
    }));
    return new Promise<readonly object[]>((resolve, reject) => {
      const settle = (finish: () => void): void => {
        thread.off("message", onAnswer).off("error", onLost).off("exit", onExit);
        signal.removeEventListener("abort", onAbort);
        finish();
      };
      const onAnswer = ({ rows, error }: Answer): void =>
        settle(() => (error === undefined ? resolve(rows ?? []) : reject(new Error(error))));
      const onLost = (error: unknown): void => settle(() => reject(error));
      const onExit = (code: number): void =>
        onLost(new Error(`the thread ended with code ${code}`));
      const onAbort = (): void => {
        if (worker === thread) worker = undefined;
        void thread.terminate();
        onLost(signal.reason);
      };
      thread.on("message", onAnswer).on("error", onLost).on("exit", onExit);
      signal.addEventListener("abort", onAbort, { once: true });
      thread.postMessage(parameters, []);
    });
  };
  const run = (parameters: PolledParameters, signal: AbortSignal): Promise<readonly object[]> => {
    const called = last.then(() => call(parameters, signal));
    last = called.catch(() => {});
    return called;
  };
  return Object.assign(run, { close: end });
}

function threadOf(module: URL, onEnd: (thread: Worker) => void): Worker {
  const thread = new Worker(PROGRAM, { eval: true, workerData: module.href });
  // What a thread throws between two calls ends it, and the next call starts another one.
  thread.on("error", () => onEnd(thread)).on("exit", () => onEnd(thread));
  // A thread that waits for its next call does not keep the process alive.
  thread.unref();
  return thread;
}
