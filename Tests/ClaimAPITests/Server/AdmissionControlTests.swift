import Testing

@testable import ClaimAPI

@Suite struct AdmissionControlTests {
    @Test func whatExceedsTheLimitIsRefused() {
        let admission = AdmissionControl(maximum: 2, target: .seconds(60))
        #expect(admission.enter())
        #expect(!admission.isFull)
        #expect(admission.enter())
        #expect(admission.isFull)
        #expect(!admission.enter())
        admission.leave()
        #expect(!admission.isFull)
        #expect(admission.enter())
    }

    @Test func manyTasksNeverExceedTheLimitAndLoseNoPlace() async {
        let admission = AdmissionControl(maximum: 3, target: .seconds(60))
        await withTaskGroup { group in
            for _ in 0..<64 {
                group.addTask {
                    for _ in 0..<200 where admission.enter() {
                        await Task.yield()
                        admission.leave()
                    }
                }
            }
        }
        #expect((0..<4).map { _ in admission.enter() } == [true, true, true, false])
    }
}
