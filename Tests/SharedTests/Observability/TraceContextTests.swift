import Observability
import Testing

@Suite struct TraceContextTests {
    private let value = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func theExampleOfTheSpecificationIsRead() throws {
        let context = try #require(TraceContext(traceparent: value))
        #expect(context.traceID.description == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(TraceContext.hex(context.spanID) == "00f067aa0ba902b7")
        #expect(context.isSampled)
        #expect(context.traceparent == value)
    }

    @Test func onlyTheSampledFlagIsPassedOn() throws {
        let context = try #require(TraceContext(traceparent: value.dropLast(2) + "fe"))
        #expect(!context.isSampled)
        #expect(context.traceparent == value.dropLast(2) + "00")
    }

    @Test func aLaterVersionMayHaveMoreFields() throws {
        let context = try #require(TraceContext(traceparent: "cc" + value.dropFirst(2) + "-more"))
        #expect(context.traceparent == value)
    }

    @Test(arguments: [
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ", "00-größe-00f067aa0ba902b7-01",
    ])
    func anInvalidValueIsRefused(_ value: String) {
        #expect(TraceContext(traceparent: value) == nil)
    }
}
