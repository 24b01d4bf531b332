/** Runs a server until a signal comes. */

interface Running {
  readonly url: string;
  stop(): Promise<void>;
}

/** `name`: how the program calls itself, such as `Trading dashboard`. */
export async function runProgram(name: string, start: () => Promise<Running>): Promise<void> {
  try {
    const running = await start();
    console.log(`\n  ${name}: ${running.url}\n`);
    let isStopping = false;
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        if (isStopping) process.exit(130);
        isStopping = true;
        running.stop().then(
          () => process.exit(0),
          () => process.exit(1),
        );
      });
    }
  } catch (error) {
    console.error(
      `The ${name.toLowerCase()} could not start: ${error instanceof Error ? error.message : String(error)}`,
    );
    process.exit(1);
  }
}
