import Claims
import Testing

@Suite struct LockOwnerTests {
    @Test func anOwnerIsReadAsItWasWritten() {
        let owner = LockOwner(workerID: "worker-4711-k3x", lane: 7)
        #expect(owner.description == "worker/worker-4711-k3x/7")
        #expect(LockOwner(owner.description) == owner)
    }

    @Test func lanesOfOneWorkerAreDifferentOwners() {
        #expect(LockOwner(workerID: "w", lane: 1) != LockOwner(workerID: "w", lane: 2))
    }

    @Test(arguments: [
        "", "stranger", "worker", "worker/w", "worker/w/", "worker/w/x", "worker/w/1/2", "api/w/1", "/w/1",
        "Worker/w/1",
        "worker/w/1 ", "b3b6ad64-6a4e-4b8e-9ae5-8b1b24fd9b70",
    ])
    func aForeignValueIsNotAnOwner(_ value: String) {
        #expect(LockOwner(value) == nil)
    }
}
