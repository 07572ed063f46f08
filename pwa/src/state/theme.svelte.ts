/** Light, dark, or as the system says. */
export const themes = ['system', 'light', 'dark'] as const
type Theme = (typeof themes)[number]

const key = 'theme'

class ThemeChoice {
  current = $state<Theme>('system')

  constructor() {
    const stored = localStorage.getItem(key)
    this.choose(themes.find((theme) => theme === stored) ?? 'system')
  }

  choose(theme: Theme): void {
    this.current = theme
    localStorage.setItem(key, theme)
    document.documentElement.style.colorScheme = theme === 'system' ? 'light dark' : theme
  }
}

export const theme = new ThemeChoice()
