/** The browser's offer to install the app, kept until somebody asks for it. */
type InstallPrompt = Event & { prompt(): Promise<unknown> }

class Install {
  #offer = $state<InstallPrompt>()

  constructor() {
    addEventListener('beforeinstallprompt', (event) => {
      event.preventDefault()
      this.#offer = event as InstallPrompt
    })
  }

  get isPossible(): boolean {
    return this.#offer !== undefined
  }

  async ask(): Promise<void> {
    await this.#offer?.prompt()
    this.#offer = undefined
  }
}

export const install = new Install()
