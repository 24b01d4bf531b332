/** Shows one channel of a source as the table `items` of the suite for all sources. */
import { declareChannel } from "../../src/log/channel.ts";
import type { ChannelChange } from "../../src/log/log.ts";
import type { Source, SourceContext, SourceDraft } from "../../src/sources/source.ts";

const ITEMS = declareChannel({
  name: "items",
  key: ["id"],
  columns: [
    { name: "id", type: "text" },
    { name: "value", type: "text" },
  ],
});

export class ItemsSource implements Source {
  readonly name: string;
  readonly #source: Source;
  readonly #translate: (change: ChannelChange) => ChannelChange;

  /** The source's channel is called `items`. */
  constructor(source: Source, translate: (change: ChannelChange) => ChannelChange) {
    this.name = source.name;
    this.#source = source;
    this.#translate = translate;
  }

  start(context: SourceContext): Promise<void> {
    return this.#source.start({
      ...context,
      // A getter, which the copy would read once.
      get sourcePosition() {
        return context.sourcePosition;
      },
      append: (draft) => context.append(this.#translateDraft(draft)),
    });
  }

  stop(): Promise<void> {
    return this.#source.stop();
  }

  #translateDraft({ declares, changes, ...draft }: SourceDraft): SourceDraft {
    return {
      ...draft,
      changes: changes.map((change) =>
        change.channel === ITEMS.name ? this.#translate(change) : change,
      ),
      ...(declares && {
        declares: declares.map((declared) => (declared.name === ITEMS.name ? ITEMS : declared)),
      }),
    };
  }
}
