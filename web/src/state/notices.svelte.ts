// Short notices that go away by themselves.
export interface Notice {
  readonly id: number;
  readonly text: string;
}

const SHOWN_MS = 6_000;

export class Notices {
  #next = 0;
  #list = $state.raw<readonly Notice[]>([]);

  get list(): readonly Notice[] {
    return this.#list;
  }

  show(text: string): void {
    const notice = { id: this.#next++, text };
    // The same notice twice would only push others out of sight.
    this.#list = [...this.#list.filter((shown) => shown.text !== text), notice].slice(-3);
    setTimeout(() => this.dismiss(notice.id), SHOWN_MS);
  }

  dismiss(id: number): void {
    this.#list = this.#list.filter((notice) => notice.id !== id);
  }
}
