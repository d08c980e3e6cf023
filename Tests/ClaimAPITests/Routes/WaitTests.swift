import HTTPTypes
import Hummingbird
import Testing

@testable import ClaimAPI

@Suite struct WaitTests {
    private func preferring(_ preference: String, at path: String = "/claims/x") throws -> Wait {
        try Wait(.get(path, headers: [.prefer: preference]))
    }

    @Test func withoutAParameterOrPreferenceThereIsNoWait() throws {
        let wait = try Wait(.get("/claims/x"))
        #expect(wait.time == .zero)
        #expect(wait.applied == nil)
    }

    @Test(arguments: [("0", 0), ("30", 30_000), ("2.5", 2500), ("0.001", 1)])
    func theParameterIsANumberOfSeconds(_ text: String, _ milliseconds: Int) throws {
        let wait = try Wait(.get("/claims/x?wait=\(text)"))
        #expect(wait.time == .milliseconds(milliseconds))
        #expect(wait.applied == nil)
    }

    @Test(arguments: ["-1", "30.1", "31", "", "soon", "nan", "inf", "1,5", "5s", "1e999", "%20"])
    func anInvalidParameterIsRefusedByName(_ text: String) {
        let problem = #expect(throws: Problem.self) { try Wait(.get("/claims/x?wait=\(text)")) }
        #expect(problem?.status == .badRequest)
        #expect(problem?.code == "invalid_parameter")
        #expect(problem?.detail.contains("wait") == true)
    }

    @Test(arguments: ["wait=10", "Wait=10", "respond-async, wait=10", "wait = 10", "handling=lenient,wait=10,x"])
    func aPreferenceAmongOthersIsAppliedAndConfirmed(_ preference: String) throws {
        let wait = try preferring(preference)
        #expect(wait.time == .seconds(10))
        #expect(wait.applied == "wait=10")
    }

    @Test(arguments: ["wait=31", "wait=3600"]) func aLongPreferenceIsCutTo30Seconds(_ preference: String) throws {
        let wait = try preferring(preference)
        #expect(wait.time == .seconds(30))
        #expect(wait.applied == "wait=30")
    }

    /// RFC 7240, section 2: a preference that can't be honoured is ignored, never an error.
    @Test(arguments: ["", "wait", "wait=", "wait=soon", "wait=-1", "waiting=5", "respond-async", ",,="])
    func anInvalidPreferenceIsIgnored(_ preference: String) throws {
        let wait = try preferring(preference)
        #expect(wait.time == .zero)
        #expect(wait.applied == nil)
    }

    @Test func theParameterTakesPrecedenceOverThePreference() throws {
        let wait = try preferring("wait=20", at: "/claims/x?wait=1")
        #expect(wait.time == .seconds(1))
        #expect(wait.applied == nil)
    }
}
