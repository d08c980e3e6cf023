import Foundation
import Observability
import Testing

@Suite struct MetricFamilyTests {
    private func family(
        _ name: String, _ kind: MetricFamily.Kind = .counter, _ samples: MetricFamily.Sample...
    ) -> MetricFamily {
        MetricFamily(name: name, kind: kind, help: "a help", samples: samples)
    }

    @Test func aFamilyHasAHelpAndATypeLine() {
        #expect(
            [family("jobs_total", .counter, .init(labels: [], value: 3))].prometheusText == """
                # HELP jobs_total a help
                # TYPE jobs_total counter
                jobs_total 3

                """)
    }

    @Test func labelsFollowTheNameAndTheSuffix() {
        let sample = MetricFamily.Sample(suffix: "_bucket", labels: ["route", "/jobs", "le", "0.5"], value: 7)
        #expect(
            [family("duration", .histogram, sample)].prometheusText.hasSuffix(
                "\nduration_bucket{route=\"/jobs\",le=\"0.5\"} 7\n"))
    }

    @Test func quotesBackslashesAndNewlinesAreEscaped() {
        let sample = MetricFamily.Sample(labels: ["l", "say \"hi\" \\ \n"], value: 1)
        #expect([family("m", .gauge, sample)].prometheusText.hasSuffix("\nm{l=\"say \\\"hi\\\" \\\\ \\n\"} 1\n"))
    }

    @Test func aHelpOfSeveralLinesIsEscaped() {
        let family = MetricFamily(name: "m", kind: .gauge, help: "a \\ b\nc", samples: [])
        #expect([family].prometheusText == "# HELP m a \\\\ b\\nc\n# TYPE m gauge\n")
    }

    @Test(arguments: [
        (0, "0"), (-0.0, "0"), (42, "42"), (-1, "-1"), (0.5, "0.5"), (1e14, "100000000000000"), (1e21, "1e+21"),
        (0.00025, "0.00025"),
    ])
    func numbersAreFormattedExactly(_ value: Double, _ text: String) {
        #expect([family("m", .gauge, .init(labels: [], value: value))].prometheusText.hasSuffix("\nm \(text)\n"))
    }

    @Test func aLabelIsAddedToEverySample() {
        let labelled = family("m", .counter, .init(labels: ["a", "1"], value: 1), .init(labels: [], value: 2))
            .labelled("worker", "w1")
        #expect(labelled.samples.map(\.labels) == [["a", "1", "worker", "w1"], ["worker", "w1"]])
    }

    @Test func familiesOfTheSameNameAreMerged() {
        let merged = [
            family("b", .counter, .init(labels: ["w", "1"], value: 1)), family("a"),
            family("b", .counter, .init(labels: ["w", "2"], value: 2)),
        ].merged()
        #expect(merged.map(\.name) == ["a", "b"])
        #expect(merged[1].samples.map(\.value) == [1, 2])
        #expect(merged.prometheusText.split(separator: "\n").count { $0.hasPrefix("# TYPE b ") } == 1)
    }

    @Test func aFamilyIsUnchangedByJSON() throws {
        let families = [family("m", .histogram, .init(suffix: "_sum", labels: ["a", "b"], value: 0.1))]
        #expect(try JSONDecoder().decode([MetricFamily].self, from: try JSONEncoder().encode(families)) == families)
    }
}
