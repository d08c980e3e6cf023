import Testing

@testable import ClaimAPI

@Suite struct AdmissionControlTests {
    @Test func whatExceedsTheLimitIsNoticed() {
        let admission = AdmissionControl(maximum: 2, target: .seconds(60))
        admission.enter()
        #expect(!admission.isFull)
        admission.enter()
        #expect(admission.isFull && !admission.isExceeded)
        admission.enter()
        #expect(admission.isFull && admission.isExceeded)
        admission.leave()
        admission.leave()
        #expect(!admission.isFull && !admission.isExceeded)
    }

    @Test func manyThreadsLoseNoPlace() async {
        let admission = AdmissionControl(maximum: 1, target: .seconds(60))
        await withTaskGroup { group in
            for _ in 0..<64 {
                group.addTask {
                    for _ in 0..<200 {
                        admission.enter()
                        await Task.yield()
                        admission.leave()
                    }
                }
            }
        }
        #expect(!admission.isFull)
        admission.enter()
        #expect(admission.isFull)
    }
}
