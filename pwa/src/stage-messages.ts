/** What the stage is told to show. */
export type StageMessage = {
  readonly kind: 'page'
  readonly html: string
  readonly title: string
}
