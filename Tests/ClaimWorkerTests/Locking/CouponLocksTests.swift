import Testing

@testable import ClaimWorker

@Suite struct CouponLocksOwnerTests {
    private typealias Owner = LockOwner

    @Test func anOwnerIsReadAsItWasWritten() {
        let owner = Owner(workerID: "worker-4711-k3x", lane: 7)
        #expect(owner.description == "worker/worker-4711-k3x/7")
        #expect(Owner(owner.description) == owner)
    }

    @Test func lanesOfOneWorkerAreDifferentOwners() {
        #expect(Owner(workerID: "w", lane: 1) != Owner(workerID: "w", lane: 2))
    }

    @Test(arguments: [
        "", "stranger", "worker", "worker/w", "worker/w/", "worker/w/x", "worker/w/1/2", "api/w/1", "/w/1",
        "Worker/w/1",
        "worker/w/1 ", "b3b6ad64-6a4e-4b8e-9ae5-8b1b24fd9b70",
    ])
    func aStrangersValueIsNoOwner(_ value: String) {
        #expect(Owner(value) == nil)
    }
}
