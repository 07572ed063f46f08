/** Whether the browser believes to have a network; without one nothing may be commanded. */
class Network {
  isOnline = $state(navigator.onLine)

  constructor() {
    addEventListener('online', () => {
      this.isOnline = true
    })
    addEventListener('offline', () => {
      this.isOnline = false
    })
  }
}

export const network = new Network()
